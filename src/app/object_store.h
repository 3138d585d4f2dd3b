// Which object store the settings choose: the one place that knows all of them.
#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>

#include "app/service_host.h"
#include "base/result.h"
#include "base/settings.h"
#include "store/object_store.h"

namespace codeapi {

/// Whether objects go to S3: CODEAPI_OBJECT_STORE says so, or does not say otherwise while MINIO_ENDPOINT or
/// MINIO_BUCKET is set.
bool UsesS3(const Settings& settings);

/// Whether reading a file means asking another machine, or at least another process.
bool FilesAreElsewhere(const Settings& settings);

/// Opens the store of a process that keeps objects itself: a bucket, or the directory `files` below
/// Settings::data_dir, which is made. Settings::file_server_url has no say in this. Errors as
/// S3ObjectStore::Open() and DirectoryObjectStore::Open() have them. May block; meant for start-up.
/// Its calls are measured in the host's metrics. The host must outlive it.
boost::asio::awaitable<Result<std::unique_ptr<ObjectStore>>> OpenObjectStore(ServiceHost& host);

/// The same for a process that may leave objects to another one: the file server at
/// Settings::file_server_url, if that is set.
boost::asio::awaitable<Result<std::unique_ptr<ObjectStore>>> OpenObjectStoreOrFileServer(ServiceHost& host);

}  // namespace codeapi
