// The suite of object_store_contract.h against a real server that checks signatures. It needs one, so these
// tests are disabled here and run by tests/s3/test_store.py, which starts it:
//
//   S3_TEST_ENDPOINT=127.0.0.1:9000 S3_TEST_ACCESS_KEY=… S3_TEST_SECRET_KEY=… \
//     store_tests --gtest_also_run_disabled_tests --gtest_filter='DISABLED_S3Real*'
#include <gtest/gtest.h>

#include <cstdlib>

#include "net/http_client_fixture.h"
#include "store/object_store_contract.h"
#include "store/s3_object_store.h"

namespace codeapi {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) {
    ADD_FAILURE() << name << " is not set";
    return "";
  }
  return value;
}

// A bucket of its own on the server.
class S3Backend {
 public:
  S3Backend() {
    const std::string endpoint = Variable("S3_TEST_ENDPOINT");
    const std::size_t colon = endpoint.rfind(':');
    options_.host = endpoint.substr(0, colon);
    options_.port = static_cast<std::uint16_t>(std::atoi(endpoint.substr(colon + 1).c_str()));
    options_.keys = {Variable("S3_TEST_ACCESS_KEY"), Variable("S3_TEST_SECRET_KEY"), ""};
    options_.bucket = "test-" + AsciiLower(NewId());
    std::ranges::replace(options_.bucket, '_', '0');
    options_.bucket += "0";  // may not end in a hyphen
    options_.part_size = 5uz << 20;
    reopen();
  }
  ~S3Backend() { close(); }

  ObjectStore& store() { return *store_; }
  void close() { store_.reset(); }

  void reopen() {
    close();
    auto opened = context_.await(S3ObjectStore::Open(context_.io().get_executor(), options_));
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  static std::vector<std::size_t> sizes() {
    constexpr std::size_t kPart = 5uz << 20;
    return {0, 1, 300'000, kPart, kPart + 1, 2 * kPart + 17};
  }

 private:
  S3Options options_;
  TestClient context_;  // threads for the store
  std::unique_ptr<S3ObjectStore> store_;
};

}  // namespace

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(DISABLED_S3Real, ObjectStoreContract, S3Backend);
}  // namespace testing

}  // namespace codeapi
