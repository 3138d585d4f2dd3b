// The worker's side of the egress gateway.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/log.h"
#include "net/http_client.h"
#include "worker/job_gate.h"

namespace codeapi {

struct GatewayClientOptions {
  std::string url;    ///< of the gateway: http or https, host, port, perhaps a path
  std::string token;  ///< CODEAPI_INTERNAL_SERVICE_TOKEN
  HttpClientOptions http;
  /// How long a round is asked for that another worker has. Longer than a lease, so that the jobs of a worker
  /// that died are taken over.
  std::chrono::milliseconds patience{20'000};
  /// How long a gateway is asked for a grant that does not answer.
  std::chrono::milliseconds away_patience{3'000};
};

/// Gets a grant for each job, keeps it alive and gives it back. Grants of the rounds of one program serve the
/// same store one after the other: what its first round has begun to use, the later ones go on with.
class GatewayClient final : public JobGate {
 public:
  /// Does not speak to the gateway. kInvalid for a bad URL or no token, kUnavailable without descriptors.
  /// `log` must outlive it.
  static Result<std::unique_ptr<GatewayClient>> Make(const boost::asio::any_io_executor& executor,
                                                     GatewayClientOptions options, Log& log);
  ~GatewayClient() override;

  boost::asio::awaitable<Result<std::unique_ptr<JobAccess>>> Enter(std::string manifest,
                                                                   bool starts) override;

  /// A store that nobody has a grant for: all it is asked is refused. For jobs that come past the gate, which
  /// there are none of.
  std::unique_ptr<ObjectStore> Closed();

 private:
  struct Core;
  class Access;
  explicit GatewayClient(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

}  // namespace codeapi
