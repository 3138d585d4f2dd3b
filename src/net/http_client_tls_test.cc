// Whom the client trusts.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <csignal>
#include <string>

#include "net/certificate_fixture.h"
#include "net/http_client_fixture.h"
#include "net/raw_peer.h"

namespace codeapi {
namespace {

// Answers one request on each connection over TLS.
class TlsPeer {
 public:
  // OpenSSL writes without MSG_NOSIGNAL, and clients that trust nobody leave early.
  explicit TlsPeer(const Certificate& certificate)
      : context_(SSL_CTX_new(TLS_server_method())),
        peer_([this](RawPeer::Connection& raw) { serve(raw.fd()); }) {
    ::signal(SIGPIPE, SIG_IGN);
    SSL_CTX_use_certificate(context_.get(), certificate.x509());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key());
  }

  std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(peer_.port()) + "/";
  }

 private:
  void serve(int fd) {
    const Owned<SSL, SSL_free> ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), fd);
    if (SSL_accept(ssl.get()) != 1) return;
    std::string got;
    char byte = 0;
    while (!got.ends_with("\r\n\r\n") && SSL_read(ssl.get(), &byte, 1) == 1) got.push_back(byte);
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    SSL_write(ssl.get(), answer.data(), static_cast<int>(answer.size()));
    SSL_shutdown(ssl.get());
  }

  Owned<SSL_CTX, SSL_CTX_free> context_;
  RawPeer peer_;
};

TEST(HttpClientTls, TrustsTheAuthorityItIsGivenForItsNamesOnly) {
  const Certificate certificate;
  TlsPeer peer(certificate);
  TestClient client({.ca_file = certificate.path()});
  const auto got = client.fetch({.url = peer.url("127.0.0.1")});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "ok");
  const auto other = client.fetch({.url = peer.url("localhost")});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kUnavailable);
}

TEST(HttpClientTls, TrustsNobodyElse) {
  const Certificate certificate;
  const Certificate another;
  TlsPeer peer(certificate);
  TestClient system;
  EXPECT_EQ(system.fetch({.url = peer.url("127.0.0.1")}).error().code, ErrorCode::kUnavailable);
  TestClient misled({.ca_file = another.path()});
  EXPECT_EQ(misled.fetch({.url = peer.url("127.0.0.1")}).error().code, ErrorCode::kUnavailable);
  TestClient lost({.ca_file = "/nonexistent/ca.pem"});
  EXPECT_EQ(lost.fetch({.url = peer.url("127.0.0.1")}).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace codeapi
