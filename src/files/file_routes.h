// What the sources of the file server share. Nobody else includes this.
#pragma once

#include <string_view>

#include "files/file_server.h"
#include "net/http_message.h"

namespace codeapi {

/// The key that a request's path names; kInvalid unless both parts are ids.
Result<ObjectKey> KeyOf(const Request& request);

/// Answers a store's error: 404 with `not_found` as details, 400, 409, 413, and 503 or 500 with `trouble`,
/// which also goes to the log together with what the client may not see.
Response StoreError(const FileServerContext& files, const ObjectKey& key, const Error& error,
                    std::string_view not_found, std::string_view trouble);

/// PUT of one object.
asio::awaitable<Response> HandlePutObject(const FileServerContext& files, Request& request);
/// POST of a form.
asio::awaitable<Response> HandlePostObjects(const FileServerContext& files, Request& request);

}  // namespace codeapi
