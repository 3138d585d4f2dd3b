// An executor over a real store and a sandbox that does what the test says.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "worker/executor.h"
#include "worker/testing.h"

namespace codeapi::testing {

class ExecutorTest : public ::testing::Test {
 protected:
  ExecutorTest() : objects(*DirectoryObjectStore::Open(dir / "files")), store(*objects) {
    request.id = NewId();
    request.runtime = "py";
    request.code = "print()";
    request.wall_ms = 1000;
    request.cpu_ms = 2000;
    request.memory_bytes = 3000;
  }

  awaitable<ExecutionAnswer> Execute() { return executor.Execute(request); }

  /// Adds an input that is in the store.
  awaitable<void> AddInput(std::string name, std::string content, bool read_only = false) {
    const ObjectKey key = co_await StoreObject(*objects, NewId(), name, std::move(content), read_only);
    request.files.push_back({key.session, key.id, std::move(name)});
  }

  /// What is stored under the execution's id.
  awaitable<std::vector<ObjectInfo>> Stored() {
    auto list = co_await objects->list(request.id);
    EXPECT_TRUE(list);
    co_return list ? std::move(*list) : std::vector<ObjectInfo>{};
  }

  /// Delivers a whole file, as an honest jailer does.
  static awaitable<Result<void>> Deliver(RunSink& sink, std::string name, std::string content,
                                         std::optional<std::uint32_t> input = {}) {
    if (auto r = co_await sink.FileBegin({name, content.size(), input}); !r) co_return r;
    if (auto r = co_await sink.FileData(std::string_view(content).substr(0, content.size() / 2)); !r)
      co_return r;
    if (auto r = co_await sink.FileData(std::string_view(content).substr(content.size() / 2)); !r)
      co_return r;
    co_return co_await sink.FileEnd(true);
  }

  static ExecutorLimits Limits() {
    ExecutorLimits out;
    out.output_bytes = 1000;
    out.rules.max_files = 3;
    out.rules.max_file_size = 2000;
    return out;
  }

  TempDir dir;
  asio::io_context io;
  RecordingLog log;
  std::unique_ptr<DirectoryObjectStore> objects;
  FaultyStore store;
  ScriptedSandbox sandbox;
  ExecutionRequest request;
  Executor executor{sandbox, store, log, Limits()};
};

}  // namespace codeapi::testing
