// What the sanitizers have to be told; part of every program that is built with one.

#if __has_feature(thread_sanitizer)
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  // Asio counts the references of an executor with fences, which ThreadSanitizer does not see.
  return "race:boost::asio::execution::detail::shared_target_executor\n";
}
#endif
