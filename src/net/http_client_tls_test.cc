// Whom the client trusts.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "base/ids.h"
#include "net/http_client_fixture.h"
#include "net/raw_peer.h"

namespace codeapi {
namespace {

template <auto F>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    F(object);
  }
};
template <typename T, auto F>
using Owned = std::unique_ptr<T, Freer<F>>;

// A key and a certificate that it signed itself, for 127.0.0.1 or whatever `names` says.
class Certificate {
 public:
  explicit Certificate(const std::string& names = "IP:127.0.0.1")
      : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509* x = certificate_.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key_.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    const Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
    X509_add_ext(x, extension.get(), -1);
    X509_sign(x, key_.get(), EVP_sha256());
    const Owned<BIO, BIO_free> file(BIO_new_file(path().c_str(), "w"));
    PEM_write_bio_X509(file.get(), x);
  }
  ~Certificate() { std::filesystem::remove(path_); }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  const std::string& path() const { return path_; }
  EVP_PKEY* key() const { return key_.get(); }
  X509* x509() const { return certificate_.get(); }

 private:
  std::string path_ = std::filesystem::temp_directory_path() / ("codeapi-ca-" + NewId() + ".pem");
  Owned<EVP_PKEY, EVP_PKEY_free> key_;
  Owned<X509, X509_free> certificate_;
};

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
