#include "files/file_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/ids.h"
#include "files/files_fixture.h"
#include "store/object_store_testing.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using testing::Await;
using testing::CodeOf;
using testing::FileService;
using ::testing::HasSubstr;

class FileServer : public ::testing::Test {
 protected:
  std::string path(const std::string& id) const { return "/sessions/" + session_ + "/objects/" + id; }

  RawClient::Answer put(const std::string& id, const std::string& name, const std::string& body,
                        const std::string& more = "") {
    return service_.request("PUT " + path(id),
                            "X-Original-Filename: " + name + "\r\nContent-Type: text/csv\r\n" + more, body);
  }

  RawClient::Answer post(const std::string& form, const std::string& more = "") {
    return service_.request("POST /sessions/" + session_ + "/objects",
                            "Content-Type: multipart/form-data; boundary=b\r\n" + more, form);
  }

  static std::string File(const std::string& name, const std::string& content) {
    return "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name +
           "\"\r\nContent-Type: text/plain\r\n\r\n" + content + "\r\n";
  }

  FileService service_;
  std::string session_ = NewId();
  std::string id_ = NewId();
};

TEST_F(FileServer, PutAndGet) {
  const auto stored = put(id_, "dir%2Frates%20%E2%82%AC.csv", "a,b\n", "X-Read-Only: TRUE\r\n");
  ASSERT_EQ(stored.status, 200) << stored.body;
  EXPECT_EQ(json::parse(stored.body).at("filename"), "dir/rates \u20ac.csv");
  EXPECT_EQ(json::parse(stored.body).at("fileId").as_string(), id_);

  auto got = service_.request("GET " + path(id_));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "a,b\n");
  EXPECT_EQ(got.headers["content-length"], "4");
  EXPECT_EQ(got.headers["content-type"], "text/csv");
  EXPECT_EQ(got.headers["content-disposition"], "attachment; filename*=UTF-8''dir%2Frates%20%E2%82%AC.csv");
  EXPECT_EQ(got.headers["x-read-only"], "true");
  const auto info = Await(service_.store().stat({session_, id_}));
  EXPECT_EQ(got.headers["etag"], "\"" + info->etag + "\"");
  EXPECT_THAT(got.headers["last-modified"], ::testing::EndsWith(" GMT"));

  const auto head = service_.request("HEAD " + path(id_));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "4");
}

TEST_F(FileServer, NamesAreDecodedUnlessTheyAreNotEncoded) {
  for (const auto& [sent, name] : std::initializer_list<std::pair<std::string, std::string>>{
           {"100%.txt", "100%.txt"},
           {"a%20b%zz", "a%20b%zz"},
           {"%FF", "%FF"},
           {"r\xc3\xa9sum\xc3\xa9", "r\u00e9sum\u00e9"},
           {"a+b", "a+b"},
           {"%22%0D%0A", "\"\r\n"},
           {"", ""}}) {
    const std::string id = NewId();
    ASSERT_EQ(put(id, sent, "x").status, 200) << sent;
    EXPECT_EQ(Await(service_.store().stat({session_, id}))->meta.filename, name);
  }
}

TEST_F(FileServer, MetadataAndListing) {
  ASSERT_EQ(put(id_, "a.csv", "abc").status, 200);
  const auto metadata = service_.request("GET " + path(id_) + "/metadata");
  EXPECT_EQ(metadata.status, 200);
  EXPECT_EQ(json::parse(metadata.body).at("originalFilename"), "a.csv");
  EXPECT_EQ(json::parse(metadata.body).at("name").as_string(), session_ + "/" + id_ + ".csv");
  const std::string list = "GET /sessions/" + session_ + "/objects";
  EXPECT_EQ(json::parse(service_.request(list).body), json::array{session_ + "/" + id_ + ".csv"});
  EXPECT_EQ(json::parse(service_.request(list + "?detail=summary").body).at(0).at("fileId").as_string(), id_);
  EXPECT_EQ(json::parse(service_.request(list + "?detail=full").body).at(0).at("metadata").at("content-type"),
            "text/csv");
  EXPECT_EQ(json::parse(service_.request(list + "?detail=normalized").body).at(0).at("name"), "a.csv");
  EXPECT_EQ(service_.request("GET /sessions/" + NewId() + "/objects").body, "[]");
}

TEST_F(FileServer, DeleteAndWhatIsAbsent) {
  ASSERT_EQ(put(id_, "a", "abc").status, 200);
  const auto deleted = service_.request("DELETE " + path(id_));
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(
      json::parse(deleted.body),
      (json::object{{"message", "File deleted successfully"}, {"session_id", session_}, {"fileId", id_}}));
  const json::object absent{{"error", "File not found"},
                            {"details", "No matching file found"},
                            {"session_id", session_},
                            {"objectId", id_}};
  for (const char* suffix : {"", "/metadata"}) {
    const auto answer = service_.request("GET " + path(id_) + suffix);
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(json::parse(answer.body), absent);
  }
  const auto again = service_.request("DELETE " + path(id_));
  EXPECT_EQ(again.status, 404);
  EXPECT_EQ(json::parse(again.body).at("details"), "No matching file found for deletion");
}

TEST_F(FileServer, AnIdNamesOneContent) {
  ASSERT_EQ(put(id_, "a", "first").status, 200);
  EXPECT_EQ(put(id_, "a", "second").status, 409);
  EXPECT_EQ(service_.request("GET " + path(id_)).body, "first");
}

TEST_F(FileServer, BadRequests) {
  const std::string type = "Content-Type: a/b\r\n", name = "X-Original-Filename: a\r\n";
  EXPECT_EQ(service_.request("PUT " + path(id_), type).body, "{\"error\":\"Missing required headers\"}");
  EXPECT_EQ(service_.request("PUT " + path(id_), name).status, 400);
  for (const std::string& bad : {"short", "..%2F..%2F..%2Fetc%2Fpasswd0", "aaaaaaaaaaaaaaaaaaaa%00"}) {
    EXPECT_EQ(put(bad, "a", "x").status, 400) << bad;
    for (const std::string& method : {"GET ", "DELETE "})
      EXPECT_EQ(service_.request(method + path(bad)).status, 400);
    EXPECT_EQ(service_.request("GET " + path(bad) + "/metadata").status, 400);
    EXPECT_EQ(service_.request("GET /sessions/" + bad + "/objects").status, 400);
    EXPECT_EQ(service_.request("POST /sessions/" + bad + "/objects").status, 400);
  }
  EXPECT_EQ(put(id_, "nul%00", "x").status, 400);
  EXPECT_EQ(put(id_, "latin\xe9", "x").status, 400);
  EXPECT_EQ(put(id_, std::string(1025, 'n'), "x").status, 400);
  EXPECT_EQ(
      service_.request("PUT " + path(id_), name + "Content-Type: " + std::string(256, 't') + "\r\n").status,
      400);
  EXPECT_EQ(service_.request("GET /nothing").body, "{\"error\":\"Not found\"}");
  EXPECT_EQ(service_.request("GET " + path(id_)).status, 404);
}

TEST_F(FileServer, AnUploadCutShortLeavesNothing) {
  for (const std::string& framing :
       {"Content-Length: 100000\r\n\r\nstart", "Transfer-Encoding: chunked\r\n\r\n5\r\nstart\r\n"}) {
    RawClient client(service_.port());
    client.send("PUT " + path(id_) +
                " HTTP/1.1\r\nHost: x\r\nX-Original-Filename: a\r\nContent-Type: a/b\r\n" + framing);
    ::shutdown(client.fd(), SHUT_WR);
    const auto answer = client.read_answer();
    EXPECT_NE(answer.status, 200);
    EXPECT_EQ(service_.request("GET " + path(id_)).status, 404);
  }
}

TEST_F(FileServer, Forms) {
  const std::string other = NewId();
  const auto answer = post("--b\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\nuser\r\n" +
                               File(id_ + "___a%20b___c.txt", "one") + File(other, "") + "--b--\r\n",
                           "X-Read-Only: true\r\n");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(json::parse(answer.body),
            (json::object{{"message", "success"},
                          {"storage_session_id", session_},
                          {"files", json::array{json::object{{"filename", "a b___c.txt"}, {"fileId", id_}},
                                                json::object{{"filename", ""}, {"fileId", other}}}}}));
  EXPECT_EQ(service_.request("GET " + path(id_)).body, "one");
  EXPECT_EQ(Await(service_.store().stat({session_, id_}))->meta,
            (ObjectMeta{"a b___c.txt", "text/plain", true}));
}

TEST_F(FileServer, UnderscoresOfAnIdAreNotTakenForItsEnd) {
  for (const std::string& id :
       {std::string("abcdefghijklmnopqrst_"), std::string("abc___defghijklmnop__"), std::string(21, '_')}) {
    ASSERT_EQ(post(File(id + "____name", "x") + "--b--\r\n").status, 200) << id;
    EXPECT_EQ(Await(service_.store().stat({session_, id}))->meta.filename, "_name");
  }
  EXPECT_EQ(post(File("short___name", "x") + "--b--\r\n").status, 400);
}

TEST_F(FileServer, AFormIsStoredWholeOrNotAtAll) {
  const std::string first = NewId();
  ASSERT_EQ(put(id_, "taken", "x").status, 200);
  const std::string good = File(first + "___a", "one");
  EXPECT_EQ(post(good + File(id_ + "___b", "two") + "--b--\r\n").status, 409);
  EXPECT_EQ(post(good + File("no-id___b", "two") + "--b--\r\n").status, 400);
  EXPECT_EQ(post(good + File(NewId() + "___b", "two")).status, 400);
  EXPECT_EQ(post("{}").status, 400);
  EXPECT_EQ(service_.request("POST /sessions/" + session_ + "/objects", "Content-Type: text/plain\r\n", good)
                .status,
            400);
  const auto left = Await(service_.store().list(session_));
  ASSERT_EQ(left->size(), 1u);
  EXPECT_EQ(left->front().key.id, id_);
  EXPECT_EQ(post(good + "--b--\r\n").status, 200);
}

TEST_F(FileServer, SessionsInPages) {
  std::vector<std::string> sessions;
  for (int i = 0; i < 3; ++i) {
    sessions.push_back(session_ = NewId());
    ASSERT_EQ(put(NewId(), "a", "x").status, 200);
  }
  std::ranges::sort(sessions);
  const auto page = [&](const std::string& query) {
    const json::value value = json::parse(service_.request("GET /sessions" + query).body);
    return json::value_to<std::vector<std::string>>(value.at("sessions"));
  };
  EXPECT_EQ(page(""), sessions);
  EXPECT_EQ(page("?limit=2"), (std::vector<std::string>{sessions[0], sessions[1]}));
  EXPECT_EQ(page("?limit=2&after=" + sessions[1]), (std::vector<std::string>{sessions[2]}));
  for (const std::string& bad : {"?limit=0", "?limit=1001", "?limit=x", "?limit=", "?limit=-1", "?after=x"}) {
    EXPECT_EQ(service_.request("GET /sessions" + bad).status, 400) << bad;
  }
}

TEST(FileServerToken, GuardsEverythingThatIsStored) {
  FileService service("secret");
  const std::string objects = "/sessions/" + NewId() + "/objects", object = objects + "/" + NewId();
  for (const std::string& line :
       {"PUT " + object, "GET " + object, "HEAD " + object, "GET " + object + "/metadata", "DELETE " + object,
        "GET " + objects, "POST " + objects, std::string("GET /sessions")}) {
    EXPECT_EQ(service.request(line).status, 401) << line;
    EXPECT_EQ(service.request(line, "X-CodeAPI-Internal-Token: wrong\r\n").status, 401) << line;
    EXPECT_NE(service.request(line, "X-CodeAPI-Internal-Token: secret\r\n").status, 401) << line;
  }
  EXPECT_EQ(service.request("GET " + objects).body, "{\"error\":\"Unauthorized\"}");
  for (const char* line : {"GET /health", "GET /ready", "GET /metrics"})
    EXPECT_EQ(service.request(line).status, 200);
}

// A store that is away.
class AwayStore final : public ObjectStore {
 public:
  template <typename T>
  using Answer = asio::awaitable<Result<T>>;
  Answer<std::unique_ptr<ObjectWriter>> create(ObjectKey, ObjectMeta) override { co_return Away(); }
  Answer<std::unique_ptr<ObjectReader>> open(ObjectKey) override { co_return Away(); }
  Answer<ObjectInfo> stat(ObjectKey) override { co_return Away(); }
  Answer<std::vector<ObjectInfo>> list(std::string) override { co_return Away(); }
  Answer<std::vector<std::string>> sessions(std::string, std::size_t) override { co_return Away(); }
  Answer<void> remove(ObjectKey) override { co_return Away(); }
  Answer<void> check() override { co_return Away(); }

  ErrorCode code = ErrorCode::kUnavailable;

 private:
  std::unexpected<Error> Away() const { return Fail(code, "/secret/path: disk is gone"); }
};

TEST(FileServerTrouble, IsToldWithoutDetails) {
  AwayStore store;
  FileService service("", &store);
  const std::string objects = "/sessions/" + NewId() + "/objects", object = objects + "/" + NewId();
  const std::string headers = "X-Original-Filename: a\r\nContent-Type: a/b\r\n";
  for (const std::string& line :
       {"PUT " + object, "GET " + object, "GET " + object + "/metadata", "DELETE " + object, "GET " + objects,
        std::string("GET /sessions"), std::string("GET /ready")}) {
    store.code = ErrorCode::kUnavailable;
    const auto away = service.request(line, headers);
    EXPECT_EQ(away.status, 503) << line;
    EXPECT_EQ(away.body.find("secret"), std::string::npos) << away.body;
    store.code = ErrorCode::kInternal;
    if (line != "GET /ready") EXPECT_EQ(service.request(line, headers).status, 500) << line;
  }
  EXPECT_THAT(service.log().text(), HasSubstr("object store failed"));
  EXPECT_EQ(service.request("GET /health").body, "{\"status\":\"ok\"}");
  EXPECT_EQ(service.request("GET /ready").body,
            "{\"status\":\"not ready\",\"checks\":{\"storage\":\"unavailable\"}}");
}

TEST_F(FileServer, HealthReadinessAndMetrics) {
  EXPECT_EQ(service_.request("GET /health").body, "{\"status\":\"ok\"}");
  EXPECT_EQ(service_.request("GET /ready").body, "{\"status\":\"ready\",\"checks\":{\"storage\":\"ok\"}}");
  ASSERT_EQ(put(id_, "a", "x").status, 200);
  service_.request("GET " + path(id_));
  service_.request("GET " + path(NewId()));
  const std::string text = service_.request("GET /metrics").body;
  EXPECT_THAT(text, HasSubstr("codeapi_file_uploads_total 1\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_file_downloads_total 1\n"));
}

}  // namespace
}  // namespace codeapi
