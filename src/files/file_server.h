// The file server: stored objects over HTTP, for our own processes and for those of the service we stand in
// for.
#pragma once

#include <string>

#include "base/log.h"
#include "net/metrics.h"
#include "net/router.h"
#include "store/object_store.h"

namespace codeapi {

/// Everything in it must outlive the server.
struct FileServerContext {
  ObjectStore& objects;
  Log& log;
  Metrics& metrics;
  std::string internal_token;  ///< empty: everybody may read and write everything
};

/// Headers by which the file server tells our own client exactly what HTTP's own only tell roughly.
inline constexpr std::string_view kOriginalFilenameHeader = "X-Original-Filename";  ///< percent-encoded
inline constexpr std::string_view kLastModifiedHeader = "X-Last-Modified";          ///< as IsoTime() has it
inline constexpr std::string_view kReadOnlyHeader = "X-Read-Only";                  ///< "true", or absent

/// Its routes. All below /sessions ask for the internal token.
///
///     PUT    /sessions/{session}/objects/{id}            the raw body; X-Original-Filename (percent-encoded)
///     and
///                                                        Content-Type, X-Read-Only if it is a sealed input
///     POST   /sessions/{session}/objects                 a form; each file is named `<id>___<name>`
///     GET    /sessions/{session}/objects/{id}            the object
///     GET    /sessions/{session}/objects/{id}/metadata   MetadataJson()
///     GET    /sessions/{session}/objects?detail=         an array of ObjectJson()
///     DELETE /sessions/{session}/objects/{id}
///     GET    /sessions?after=&limit=                     {"sessions": […]}, see ObjectStore::sessions()
///     GET    /health, /ready, /metrics
///
/// Answers are those of the reference, and more: an id or a name that cannot be is 400, a taken id 409, a
/// store that is away 503. Sizes are not limited: whoever may write here has limits of its own. An object is
/// visible when its request was answered with 200, and never before its last byte was written; a form whose
/// files cannot all be stored leaves none.
Router MakeFileRouter(const FileServerContext& context);

}  // namespace codeapi
