// The moves of the job queue in Redis, each one script and so all or nothing.
#pragma once

#include "net/redis_script.h"

namespace codeapi {

/// Every script takes one key, the prefix of all keys, and arguments as listed in the .cc at each.
struct RedisJobScripts {
  RedisScript enqueue, take, complete, hand_back, collect, cancel, recall, tick, retire, goodbye, ring, stats,
      probe, reconcile;
  RedisJobScripts();
};

}  // namespace codeapi
