// For tests: a certificate that only they trust.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/ids.h"

namespace codeapi {

template <auto F>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    F(object);
  }
};
template <typename T, auto F>
using Owned = std::unique_ptr<T, Freer<F>>;

/// A key and a certificate that it signed itself, for 127.0.0.1 or whatever `names` says.
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
    const Owned<BIO, BIO_free> key_file(BIO_new_file(key_path().c_str(), "w"));
    PEM_write_bio_PrivateKey(key_file.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  }
  ~Certificate() {
    std::filesystem::remove(path_);
    std::filesystem::remove(key_path());
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  const std::string& path() const { return path_; }
  std::string key_path() const { return path_ + ".key"; }
  EVP_PKEY* key() const { return key_.get(); }
  X509* x509() const { return certificate_.get(); }

 private:
  std::string path_ = std::filesystem::temp_directory_path() / ("codeapi-ca-" + NewId() + ".pem");
  Owned<EVP_PKEY, EVP_PKEY_free> key_;
  Owned<X509, X509_free> certificate_;
};

}  // namespace codeapi
