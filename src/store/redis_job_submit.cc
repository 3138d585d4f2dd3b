// The submitter's side of RedisJobQueue.
#include <algorithm>
#include <utility>

#include <boost/asio.hpp>

#include "base/ids.h"
#include "store/redis_job_queue_core.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::milliseconds;
using Clock = std::chrono::system_clock;

// Farther away than anybody waits, near enough to count with.
constexpr milliseconds kForever = std::chrono::hours(24 * 3650);

// How many jobs one call of a script is about at most.
constexpr std::size_t kBatch = 128;

std::unexpected<Error> Overdue() {
  return Fail(ErrorCode::kDeadline, "the deadline passed before a worker took the job");
}

// What a script left as the answer.
Result<std::string> AnswerOf(std::string code, std::string text) {
  if (code == "ok") return text;
  if (code == "deadline") return Overdue();
  if (code == "cancelled") return Fail(ErrorCode::kCancelled, "cancelled");
  return Fail(ErrorCode::kInternal, std::move(text));
}

milliseconds Left(Clock::time_point deadline) {
  const auto now = Clock::now();
  if (deadline > now + kForever) return kForever;
  // Rounded up: what is left is not nothing.
  return std::chrono::ceil<milliseconds>(deadline - now);
}

template <typename F>
class Finally {
 public:
  explicit Finally(F fn) : fn_(std::move(fn)) {}
  ~Finally() { fn_(); }
  Finally(const Finally&) = delete;
  Finally& operator=(const Finally&) = delete;

 private:
  F fn_;
};

}  // namespace

RedisJobQueue::Core::SubmissionPtr RedisJobQueue::Core::submission(const std::string& id) {
  const std::lock_guard lock(mutex);
  const auto found = submissions.find(id);
  return found == submissions.end() ? nullptr : found->second;
}

std::vector<RedisJobQueue::Core::SubmissionPtr> RedisJobQueue::Core::allSubmissions() {
  const std::lock_guard lock(mutex);
  std::vector<SubmissionPtr> all;
  for (const auto& [id, submission] : submissions) all.push_back(submission);
  return all;
}

awaitable<Result<void>> RedisJobQueue::Core::enqueue(Submission& submission, const JobSpec& spec) {
  const auto reply = co_await eval(
      scripts.enqueue, {submission.id, name, std::to_string(options.lease.count()),
                        std::to_string(options.max_waiting), std::to_string(Left(spec.deadline).count()),
                        spec.id, spec.tenant, spec.worker, spec.trace, spec.payload});
  if (!reply) co_return std::unexpected(reply.error());
  const std::string& what = reply->text;
  const std::lock_guard lock(mutex);
  submission.state = what == "ok" ? Submission::State::kEnqueued : Submission::State::kOver;
  if (what == "late") co_return Overdue();
  if (what == "full") co_return Fail(ErrorCode::kUnavailable, "queue_full");
  if (what != "ok") co_return Fail(ErrorCode::kUnavailable, "the job could not be enqueued");
  co_return Result<void>();
}

awaitable<RedisJobQueue::Core::Answer> RedisJobQueue::Core::Submit(std::shared_ptr<Core> core, JobSpec spec) {
  const auto executor = co_await asio::this_coro::executor;
  if (spec.payload.size() > core->options.max_bytes)
    co_return Fail(ErrorCode::kTooLarge, "the job is too large");
  const auto submission = std::make_shared<Submission>();
  const auto done = std::make_shared<Latch>(executor);
  submission->id = NewId();
  submission->deadline = spec.deadline;
  submission->done = done;
  {
    const std::lock_guard lock(core->mutex);
    if (core->stopped) co_return Fail(ErrorCode::kUnavailable, "shutting down");
    core->submissions.emplace(submission->id, submission);
  }
  const Finally guard([&] { static_cast<void>(core->conclude(submission)); });
  const Result<void> enqueued = co_await core->enqueue(*submission, spec);
  if (!enqueued) co_return std::unexpected(enqueued.error());
  spec = {};  // the payload is Redis' now

  asio::steady_timer deadline(executor, Left(submission->deadline));
  deadline.async_wait([core, submission](boost::system::error_code error) {
    if (!error) core->background(Recall(core, submission, Overdue().error()));
  });
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() == asio::cancellation_type::none) co_await done->wait();
  co_return core->conclude(submission);
}

// Ends the submission, and returns the answer: that the submitter gave up, unless there is another.
RedisJobQueue::Core::Answer RedisJobQueue::Core::conclude(const SubmissionPtr& submission) {
  std::optional<Answer> answer;
  Submission::State state = Submission::State::kOver;
  {
    const std::lock_guard lock(mutex);
    submissions.erase(submission->id);
    state = std::exchange(submission->state, Submission::State::kOver);
    answer = submission->answer;
    submission->done.reset();
  }
  if (state == Submission::State::kEnqueued) {
    forget(submission->id);
  } else if (state == Submission::State::kUnknown) {
    background(Cancel(shared_from_this(), {submission->id}, true));
  }
  if (answer) return std::move(*answer);
  return Fail(ErrorCode::kCancelled, "the submitter gave up");
}

void RedisJobQueue::Core::answer(const SubmissionPtr& submission, Answer answer) {
  const std::lock_guard lock(mutex);
  if (submission->answer || !submission->done) return;
  submission->answer = std::move(answer);
  submission->done->set();
}

void RedisJobQueue::Core::collect(const std::vector<SubmissionPtr>& some) {
  to_collect.insert(to_collect.end(), some.begin(), some.end());
  if (to_collect.empty() || std::exchange(collecting, true)) return;
  background(Collect(shared_from_this()));
}

// Fetches the answers that there are.
awaitable<void> RedisJobQueue::Core::Collect(std::shared_ptr<Core> core) {
  std::vector<SubmissionPtr>& queue = core->to_collect;
  while (!core->ending) {
    // Whoever gave up has left.
    std::erase_if(queue, [&](const SubmissionPtr& one) { return core->submission(one->id) == nullptr; });
    if (queue.empty()) break;
    const auto end = queue.begin() + static_cast<std::ptrdiff_t>(std::min(queue.size(), kBatch));
    const std::vector<SubmissionPtr> batch(queue.begin(), end);
    queue.erase(queue.begin(), end);
    std::vector<std::string> ids;
    for (const SubmissionPtr& one : batch) ids.push_back(one->id);
    auto reply = co_await core->eval(core->scripts.collect, std::move(ids));
    if (!reply || reply->elements.size() != batch.size()) {
      queue.insert(queue.end(), batch.begin(), batch.end());
      co_await core->sleep(milliseconds(200));
      continue;
    }
    for (std::size_t i = 0; i < batch.size(); ++i) core->collected(batch[i], reply->elements[i].elements);
  }
  core->collecting = false;
}

void RedisJobQueue::Core::collected(const SubmissionPtr& one, std::vector<RedisValue>& parts) {
  if (parts.empty()) return;
  if (parts[0].text == "later") {
    to_collect.push_back(one);
  } else if (parts[0].text == "done" && parts.size() == 3) {
    answer(one, AnswerOf(std::move(parts[1].text), std::move(parts[2].text)));
  } else if (parts[0].text == "gone") {
    bool enqueued = false;
    {
      const std::lock_guard lock(mutex);
      enqueued = one->state == Submission::State::kEnqueued;
    }
    if (enqueued) answer(one, Fail(ErrorCode::kUnavailable, "the queue lost the job"));
  }
}

// Any thread.
void RedisJobQueue::Core::forget(std::string id) {
  {
    const std::lock_guard lock(mutex);
    over.push_back(std::move(id));
    if (std::exchange(forgetting, true)) return;
  }
  background(Forget(shared_from_this()));
}

awaitable<void> RedisJobQueue::Core::Forget(std::shared_ptr<Core> core) {
  for (;;) {
    std::vector<std::string> ids;
    {
      const std::lock_guard lock(core->mutex);
      if (core->over.empty()) {
        core->forgetting = false;
        co_return;
      }
      const auto first = core->over.begin();
      const auto last = first + static_cast<std::ptrdiff_t>(std::min(core->over.size(), kBatch));
      ids.assign(std::make_move_iterator(first), std::make_move_iterator(last));
      core->over.erase(first, last);
    }
    co_await Cancel(core, std::move(ids), false);
  }
}

// Removes jobs, or what is left of them. `maybe`: they may be on their way still.
awaitable<void> RedisJobQueue::Core::Cancel(std::shared_ptr<Core> core, std::vector<std::string> ids,
                                            bool maybe) {
  constexpr int kTries = 300;
  std::vector<std::string> args{core->name, maybe ? "1" : "0"};
  args.insert(args.end(), std::make_move_iterator(ids.begin()), std::make_move_iterator(ids.end()));
  for (int i = 0; i < kTries; ++i) {
    if (co_await core->eval(core->scripts.cancel, args)) co_return;
    if (core->ending) co_return;
    co_await core->sleep(milliseconds(std::min(1000, 50 * (i + 1))));
  }
}

// Takes the job back if it still waits, and answers `why`. Without Redis it cannot be known whether it does.
awaitable<void> RedisJobQueue::Core::Recall(std::shared_ptr<Core> core, SubmissionPtr submission, Error why) {
  while (core->submission(submission->id) != nullptr) {
    const auto reply = co_await core->eval(core->scripts.recall, {submission->id, core->name});
    if (reply && reply->text == "kept") co_return;
    if (reply && reply->text == "removed") {
      {
        const std::lock_guard lock(core->mutex);
        submission->state = Submission::State::kOver;
      }
      core->answer(submission, std::unexpected(std::move(why)));
      co_return;
    }
    if (reply || core->ending) {  // gone
      core->answer(submission, std::unexpected(std::move(why)));
      co_return;
    }
    if (why.code == ErrorCode::kUnavailable) {  // we are shutting down
      core->answer(submission, std::unexpected(std::move(why)));
      co_return;
    }
    co_await core->sleep(milliseconds(200));
  }
}

// Redis has been away for long. Whose time is over need not hope.
void RedisJobQueue::Core::giveUpOverdue() {
  for (const SubmissionPtr& submission : allSubmissions()) {
    if (submission->deadline > Clock::now()) continue;
    answer(submission, Fail(ErrorCode::kUnavailable, "Redis went away and has not come back"));
  }
}

}  // namespace codeapi
