#include "auth/internal_token.h"

#include <gtest/gtest.h>

#include "net/http_test_server.h"

namespace codeapi {
namespace {

int StatusWith(std::string token, const std::string& headers) {
  Router router;
  router.add("GET", "/", RequireInternalToken(std::move(token), Echo));
  TestServer server(std::move(router));
  RawClient client(server.port());
  return client.request("GET / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n").status;
}

TEST(InternalToken, IsAskedFor) {
  EXPECT_EQ(StatusWith("secret", "X-CodeAPI-Internal-Token: secret\r\n"), 200);
  EXPECT_EQ(StatusWith("secret", "x-codeapi-internal-token:secret\r\n"), 200);
  EXPECT_EQ(StatusWith("secret", ""), 401);
  EXPECT_EQ(StatusWith("secret", "X-CodeAPI-Internal-Token:\r\n"), 401);
  EXPECT_EQ(StatusWith("secret", "X-CodeAPI-Internal-Token: Secret\r\n"), 401);
  EXPECT_EQ(StatusWith("secret", "X-CodeAPI-Internal-Token: secre\r\n"), 401);
  EXPECT_EQ(StatusWith("secret", "X-CodeAPI-Internal-Token: secrets\r\n"), 401);
  EXPECT_EQ(StatusWith("secret", "Authorization: Bearer secret\r\n"), 401);
}

TEST(InternalToken, StandsThereOnce) {
  const std::string header = "X-CodeAPI-Internal-Token: secret\r\n";
  EXPECT_EQ(StatusWith("secret", header + header), 401);
}

TEST(InternalToken, NoneLetsEverybodyThrough) {
  EXPECT_EQ(StatusWith("", ""), 200);
  EXPECT_EQ(StatusWith("", "X-CodeAPI-Internal-Token: anything\r\n"), 200);
}

}  // namespace
}  // namespace codeapi
