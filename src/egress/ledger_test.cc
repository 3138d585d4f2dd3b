// What every ledger promises: in memory, and in a real Redis under a user that may do no more than it has to.
#include "egress/ledger.h"

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "egress/memory_ledger.h"
#include "egress/redis_ledger.h"
#include "net/redis_client_fixture.h"
#include "net/redis_test_server.h"

namespace codeapi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kKeep = seconds(600), kLease = seconds(60);

// The user that docs/operations.md tells to make.
constexpr char kUser[] =
    "ACL SETUSER ledger on >secret resetkeys resetchannels ~codeapi-egress:* -@all +ping +client|setname "
    "+eval "
    "+evalsha +hget +hmget +hset +hdel +hexists +hincrby +exists +del +get +set +pexpire +pttl";

struct Backend {
  virtual ~Backend() = default;
  virtual Ledger& ledger() = 0;
};

class RedisBackend final : public Backend {
 public:
  RedisBackend() {
    EXPECT_EQ(server_.raw(kUser), "+OK\r\n");
    RedisOptions options = server_.options();
    options.username = "ledger";
    options.password = "secret";
    ledger_ = RedisLedger::Make(threads_.io().get_executor(), std::move(options), "codeapi-egress:").value();
  }
  ~RedisBackend() override {
    ledger_.reset();
    threads_.finish();
  }
  Ledger& ledger() override { return *ledger_; }
  RedisTestServer& server() { return server_; }
  template <typename T>
  T Run(boost::asio::awaitable<T> work) {
    return boost::asio::co_spawn(threads_.io(), std::move(work), boost::asio::use_future).get();
  }

 private:
  RedisTestServer server_;
  TestThreads threads_;
  std::unique_ptr<RedisLedger> ledger_;
};

class MemoryBackend final : public Backend {
 public:
  Ledger& ledger() override { return ledger_; }

 private:
  MemoryLedger ledger_;
};

class LedgerContract : public ::testing::TestWithParam<bool> {
 protected:
  LedgerContract() {
    if (GetParam()) {
      backend_ = std::make_unique<RedisBackend>();
    } else {
      backend_ = std::make_unique<MemoryBackend>();
    }
  }
  Ledger& ledger() { return backend_->ledger(); }
  Refusal Ask(Ledger::Awaitable<Allowed<void>> step) {
    auto done = boost::asio::co_spawn(threads_.io(), std::move(step), boost::asio::use_future).get();
    return done ? kDone : done.error();
  }
  LedgerEntry Entry(std::uint32_t round = 1) { return {execution_, round, NewId()}; }
  Refusal Admit(const LedgerEntry& entry, milliseconds lease = kLease) {
    return Ask(ledger().Admit(entry, budgets_, kKeep, lease));
  }
  LedgerEntry Admitted(std::uint32_t round = 1) {
    LedgerEntry entry = Entry(round);
    EXPECT_EQ(Admit(entry), kDone);
    return entry;
  }

  static constexpr Refusal kDone{200, "ok", ""};
  LedgerBudgets budgets_{.requests = 20, .files = 3, .file_bytes = 1000, .tool_calls = 5};
  std::unique_ptr<Backend> backend_;
  TestThreads threads_;
  const std::string execution_ = NewId();
};

TEST_P(LedgerContract, ARoundIsTakenOnce) {
  const LedgerEntry first = Admitted();
  EXPECT_EQ(Admit(Entry()), kLeased);
  EXPECT_EQ(Ask(ledger().End(first, GrantEnd::kFinished)), kDone);
  EXPECT_EQ(Admit(Entry()), kFinished);
  EXPECT_EQ(Admit(Entry(2)), kDone) << "the next round is another one";
}

TEST_P(LedgerContract, AReleasedRoundIsTakenAgain) {
  const LedgerEntry first = Admitted();
  EXPECT_EQ(Ask(ledger().End(first, GrantEnd::kReleased)), kDone);
  EXPECT_EQ(Ask(ledger().Request(first)), kRevoked);
  const LedgerEntry second = Admitted();
  EXPECT_EQ(Ask(ledger().Request(first)), kSuperseded);
  EXPECT_EQ(Ask(ledger().End(first, GrantEnd::kFinished)), kSuperseded)
      << "an old grant ends no later attempt";
  EXPECT_EQ(Ask(ledger().Request(second)), kDone);
}

TEST_P(LedgerContract, ALeaseThatRanOutIsTakenOver) {
  const LedgerEntry first = Entry();
  EXPECT_EQ(Admit(first, milliseconds(1)), kDone);
  LedgerEntry second = Entry();
  while (Admit(second) == kLeased) second = Entry();
  EXPECT_EQ(Ask(ledger().Renew(first, kLease)), kSuperseded);
  EXPECT_EQ(Ask(ledger().Renew(second, kLease)), kDone);
  EXPECT_EQ(Admit(Entry()), kLeased);
}

TEST_P(LedgerContract, ALeaseThatRanOutCanBeRenewedUnlessItWasTaken) {
  const LedgerEntry first = Entry();
  EXPECT_EQ(Admit(first, milliseconds(1)), kDone);
  EXPECT_EQ(Ask(ledger().Renew(first, kLease)), kDone);
  EXPECT_EQ(Admit(Entry()), kLeased);
}

TEST_P(LedgerContract, FinishedWins) {
  const LedgerEntry first = Admitted();
  EXPECT_EQ(Ask(ledger().End(first, GrantEnd::kFinished)), kDone);
  EXPECT_EQ(Ask(ledger().End(first, GrantEnd::kReleased)), kDone);
  EXPECT_EQ(Admit(Entry()), kFinished);
}

TEST_P(LedgerContract, NothingIsCountedForAnEndedGrant) {
  const LedgerEntry entry = Admitted();
  EXPECT_EQ(Ask(ledger().End(entry, GrantEnd::kFinished)), kDone);
  EXPECT_EQ(Ask(ledger().Request(entry)), kRevoked);
  EXPECT_EQ(Ask(ledger().Renew(entry, kLease)), kRevoked);
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, NewId(), 1)), kRevoked);
  EXPECT_EQ(Ask(ledger().CallsUpTo(entry, 1)), kRevoked);
}

TEST_P(LedgerContract, WithoutAnAccountThereIsNothing) {
  EXPECT_EQ(Ask(ledger().Request(Entry())), kNoRecord);
  EXPECT_EQ(Ask(ledger().End(Entry(), GrantEnd::kFinished)), kNoRecord);
}

TEST_P(LedgerContract, RequestsRunOut) {
  budgets_.requests = 3;
  const LedgerEntry entry = Admitted();
  EXPECT_EQ(Ask(ledger().Request(entry)), kDone);
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, NewId(), 1)), kDone);
  EXPECT_EQ(Ask(ledger().RequestOwnFile(entry, NewId())), kNotOwnFile) << "it counts all the same";
  EXPECT_EQ(Ask(ledger().Request(entry)), kNoRequestsLeft);
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, NewId(), 1)), kNoRequestsLeft);
  EXPECT_EQ(Ask(ledger().Renew(entry, kLease)), kDone) << "keeping and ending are no requests";
  EXPECT_EQ(Ask(ledger().End(entry, GrantEnd::kFinished)), kDone);
}

TEST_P(LedgerContract, FilesRunOutAndAreGivenBack) {
  const LedgerEntry entry = Admitted();
  const std::string a = NewId(), b = NewId(), c = NewId(), d = NewId();
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, a, 1001)), kTooLarge);
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, a, 1000)), kDone);
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, a, 1)), kFileIdUsed);
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, b, 0)), kDone);
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, c, 1000)), kDone);
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, d, 1)), kNoFilesLeft);
  EXPECT_EQ(Ask(ledger().UndoUpload(entry, b, 0)), kDone);
  EXPECT_EQ(Ask(ledger().UndoUpload(entry, b, 0)), kDone) << "only once";
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, d, 1)), kDone);
  EXPECT_EQ(Ask(ledger().BeginUpload(entry, b, 1)), kNoFilesLeft);
  EXPECT_EQ(Ask(ledger().EndUpload(entry, d, 1, 0)), kDone);
  EXPECT_EQ(Ask(ledger().RequestOwnFile(entry, a)), kDone);
  EXPECT_EQ(Ask(ledger().RequestOwnFile(entry, b)), kNotOwnFile);
}

TEST_P(LedgerContract, CallsAreOfTheWholeExecution) {
  const LedgerEntry first = Admitted();
  EXPECT_EQ(Ask(ledger().CallsUpTo(first, 3)), kDone);
  EXPECT_EQ(Ask(ledger().CallsUpTo(first, 3)), kDone) << "told again it costs nothing";
  EXPECT_EQ(Ask(ledger().End(first, GrantEnd::kFinished)), kDone);
  const LedgerEntry second = Admitted(2);
  EXPECT_EQ(Ask(ledger().OneMoreCall(second)), kDone);
  EXPECT_EQ(Ask(ledger().CallsUpTo(second, 6)), kNoCallsLeft);
  EXPECT_EQ(Ask(ledger().OneMoreCall(second)), kDone);
  EXPECT_EQ(Ask(ledger().OneMoreCall(second)), kNoCallsLeft);
}

TEST_P(LedgerContract, OneOfManyGetsTheLeaseAndTheLastRequest) {
  std::vector<std::future<Allowed<void>>> asked;
  std::vector<LedgerEntry> entries;
  for (int i = 0; i < 32; ++i) entries.push_back(Entry());
  budgets_.requests = 7;
  for (const LedgerEntry& entry : entries) {
    asked.push_back(boost::asio::co_spawn(threads_.io(), ledger().Admit(entry, budgets_, kKeep, kLease),
                                          boost::asio::use_future));
  }
  std::vector<LedgerEntry> admitted;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].get()) admitted.push_back(entries[i]);
  }
  ASSERT_EQ(admitted.size(), 1U);
  asked.clear();
  for (int i = 0; i < 32; ++i) {
    asked.push_back(
        boost::asio::co_spawn(threads_.io(), ledger().Request(admitted[0]), boost::asio::use_future));
  }
  int counted = 0;
  for (auto& one : asked) counted += one.get().has_value() ? 1 : 0;
  EXPECT_EQ(counted, 7);
}

TEST_P(LedgerContract, CanBeChecked) {
  EXPECT_EQ(Ask(ledger().Check()), kDone);
}

INSTANTIATE_TEST_SUITE_P(Ledgers, LedgerContract, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Redis" : "Memory"; });

TEST(MemoryLedger, ForgetsWhatIsOver) {
  MemoryLedger ledger;
  TestThreads threads;
  const auto ask = [&](Ledger::Awaitable<Allowed<void>> step) {
    return boost::asio::co_spawn(threads.io(), std::move(step), boost::asio::use_future).get();
  };
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(ask(ledger.Admit({NewId(), 1, NewId()}, {}, milliseconds(1), milliseconds(1))));
  while (ledger.size() > 0) std::this_thread::yield();
}

TEST(RedisLedger, EveryKeyEnds) {
  RedisBackend backend;
  Ledger& ledger = backend.ledger();
  const LedgerEntry entry{NewId(), 1, NewId()};
  ASSERT_TRUE(backend.Run(ledger.Admit(entry, {20, 3, 1000, 5}, kKeep, kLease)));
  ASSERT_TRUE(backend.Run(ledger.BeginUpload(entry, NewId(), 5)));
  ASSERT_TRUE(backend.Run(ledger.CallsUpTo(entry, 2)));
  ASSERT_TRUE(backend.Run(ledger.Renew(entry, kLease)));
  const std::string base = "codeapi-egress:{" + entry.exec_id + "}:";
  for (const std::string key : {base + "1", base + "1:lease", base + "calls"}) {
    const std::string reply = backend.server().raw("PTTL " + key);
    ASSERT_EQ(reply.front(), ':') << key;
    EXPECT_GT(std::stoll(reply.substr(1)), 0) << key;
    EXPECT_LE(std::stoll(reply.substr(1)), kKeep.count()) << key;
  }
  EXPECT_EQ(backend.server().raw("DBSIZE"), ":3\r\n");
}

TEST(RedisLedger, IsOutOfReachOfTheQueuesUser) {
  RedisBackend backend;
  const LedgerEntry entry{NewId(), 1, NewId()};
  ASSERT_TRUE(backend.Run(backend.ledger().Admit(entry, {20, 3, 1000, 5}, kKeep, kLease)));
  // As docs/storage.md has it.
  ASSERT_EQ(backend.server().raw("ACL SETUSER queue on >pw ~codeapi:* &codeapi:* +@all -@dangerous -@admin"),
            "+OK\r\n");
  const std::string record = "codeapi-egress:{" + entry.exec_id + "}:1";
  const std::string reply = backend.server().raw("AUTH queue pw\r\nDEL " + record);
  EXPECT_TRUE(reply.empty() || reply.find(":1") == std::string::npos) << reply;
  EXPECT_EQ(backend.server().raw("EXISTS " + record), ":1\r\n");
}

TEST(RedisLedger, IsAwayWhenRedisIs) {
  RedisBackend backend;
  const LedgerEntry entry{NewId(), 1, NewId()};
  ASSERT_TRUE(backend.Run(backend.ledger().Admit(entry, {20, 3, 1000, 5}, kKeep, kLease)));
  backend.server().kill();
  EXPECT_EQ(backend.Run(backend.ledger().Request(entry)).error(), kLedgerAway);
  EXPECT_EQ(backend.Run(backend.ledger().Check()).error(), kLedgerAway);
}

TEST(RedisLedger, NeedsTheRightToItsKeys) {
  RedisTestServer server;
  server.raw("ACL SETUSER other on >secret ~other:* +@all");
  RedisOptions options = server.options();
  options.username = "other";
  options.password = "secret";
  TestThreads threads;
  const auto ledger =
      RedisLedger::Make(threads.io().get_executor(), std::move(options), "codeapi-egress:").value();
  EXPECT_EQ(boost::asio::co_spawn(threads.io(), ledger->Check(), boost::asio::use_future).get().error(),
            kLedgerAway);
}

}  // namespace
}  // namespace codeapi
