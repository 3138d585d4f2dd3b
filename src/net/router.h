// Finds the handler for a method and a path.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace codeapi {

/// Routes by path templates: `/v1/download/{session}/{file}`. A path is split on '/' first and each segment
/// is percent-decoded then, so `%2f` never makes a segment. A `{name}` takes exactly one segment, never an
/// empty one; a literal segment wins over a parameter. A trailing slash makes another path.
///
/// Fill it first, then give it to a server: `add` is not thread-safe, everything else is while nothing is
/// added.
class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  /// Has `handler` answer `method` on `path_template`. A handler for GET answers HEAD too, unless HEAD has
  /// its own. Adding the same pair again replaces the handler. A template that does not begin with '/' is a
  /// programming error and aborts.
  void add(std::string method, std::string_view path_template, Handler handler);

  /// Has `handler` answer paths that no template matches, in place of the 404. `route` stays empty then.
  void otherwise(Handler handler);

  /// Answers `request`: sets its `route` and `params` and calls the handler. An unknown path is 404
  /// `{"error":"Not found"}`, a known one with another method is 405 with Allow (and `route` set).
  asio::awaitable<Response> route(Request& request) const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
  Handler otherwise_;
};

}  // namespace codeapi
