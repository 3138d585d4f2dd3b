// What all routes that run programs ask first.
#pragma once

#include <expected>
#include <string>

#include "api/api_context.h"
#include "api/exec_request.h"
#include "net/http_message.h"

namespace codeapi {

/// The body of a JSON request, bounded by HTTP_JSON_LIMIT; or the refusal.
asio::awaitable<std::expected<std::string, Response>> ReadJsonBody(const ApiContext& api, Request& request);

/// Whether every file of the request may be read by who asks.
asio::awaitable<Result<bool>> MayRead(const ApiContext& api, const Principal& principal,
                                      const ExecRequest& request);

/// Submits the job, and gives it up some seconds after its deadline: a worker that hangs, or a queue that
/// lost it, keeps no client waiting. Errors are the queue's; kDeadline then too.
asio::awaitable<Result<std::string>> SubmitByDeadline(JobQueue& queue, JobSpec spec);

/// The same with a job that is signed, and an answer that is a worker's, where there is a seal.
/// kForbidden for an answer that is not; kTooLarge for more inputs than can be signed for.
asio::awaitable<Result<std::string>> SubmitSigned(const ApiContext& api, const Principal& principal,
                                                  RoundToSign what, JobSpec spec);

/// Answers for a queue that said kUnavailable: 503 with what it means to the client.
Response QueueUnavailable(const Error& error);

/// 429 in the form that clients tell from other refusals, so that they wait instead of giving up.
Response TooManyAtOnce();

}  // namespace codeapi
