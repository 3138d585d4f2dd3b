#include "api/responses.h"

#include <boost/json.hpp>

namespace codeapi {

Response RetryLater(std::string_view error) {
  Response response = ErrorResponse(503, error);
  response.headers.set("Retry-After", "1");
  return response;
}

Response NamedError(int status, std::string_view error, std::string_view message) {
  return JsonResponse(status, boost::json::object{{"error", error}, {"message", message}});
}

Response FileNotFound() {
  return JsonResponse(404, boost::json::object{{"error", "File not found"},
                                               {"details", "The file may have expired or does not exist"}});
}

}  // namespace codeapi
