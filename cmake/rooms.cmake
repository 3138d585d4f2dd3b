# One static library per room of src/, and one test program beside it.
#
#   codeapi_room(NAME [ASIO] [DEPS libraries...])
#
# takes every src/NAME/*.cc that is not a test, a benchmark, a fuzz target, a main or a module. ASIO rooms share one precompiled
# header of the Boost headers that dominate compile time.

add_library(codeapi_flags INTERFACE)
target_include_directories(codeapi_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(codeapi_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough
  -Wno-c99-designator -Wno-missing-field-initializers -fno-omit-frame-pointer
  -fstack-protector-strong -Xclang -fno-pch-timestamp)
target_compile_definitions(codeapi_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2> CODEAPI_VERSION="${PROJECT_VERSION}")
target_link_options(codeapi_flags INTERFACE -fuse-ld=lld -Wl,-z,relro,-z,now)

# Sanitizers belong to the services; the cell init is a static program that cannot carry them.
add_library(codeapi_sanitize INTERFACE)
if(CODEAPI_SANITIZE)
  target_compile_options(codeapi_sanitize INTERFACE -fsanitize=${CODEAPI_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(codeapi_sanitize INTERFACE -fsanitize=${CODEAPI_SANITIZE})
  target_compile_definitions(codeapi_sanitize INTERFACE CODEAPI_SANITIZED=1)
  # Of libraries the linker would take it only where something asks for it.
  target_sources(codeapi_sanitize INTERFACE
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${CMAKE_SOURCE_DIR}/cmake/sanitizer_defaults.cc>)
endif()

add_library(codeapi_asio INTERFACE)
target_compile_definitions(codeapi_asio INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
target_link_libraries(codeapi_asio INTERFACE Boost::headers Boost::json Threads::Threads)

set_property(GLOBAL PROPERTY CODEAPI_ROOMS "")

function(codeapi_room name)
  cmake_parse_arguments(ARG "ASIO" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_(test|bench|main|fuzz|module)\\.cc$")
  if(CODEAPI_ONLY_ROOMS AND NOT name IN_LIST CODEAPI_ONLY_ROOMS)
    return()  # for work on one room while others do not build
  endif()
  add_library(codeapi_${name} STATIC ${sources})
  target_link_libraries(codeapi_${name} PUBLIC codeapi_flags codeapi_sanitize ${ARG_DEPS})
  if(ARG_ASIO)
    target_link_libraries(codeapi_${name} PUBLIC codeapi_asio)
    codeapi_use_pch(codeapi_${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY CODEAPI_ROOMS ${name})
  set_property(TARGET codeapi_${name} PROPERTY CODEAPI_ASIO ${ARG_ASIO})
endfunction()

# The first ASIO target builds the precompiled header, the others reuse it.
function(codeapi_use_pch target)
  if(NOT TARGET codeapi_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/codeapi_pch.cc "")
    add_library(codeapi_pch STATIC ${CMAKE_BINARY_DIR}/codeapi_pch.cc)
    target_link_libraries(codeapi_pch PUBLIC codeapi_flags codeapi_sanitize codeapi_asio)
    target_precompile_headers(codeapi_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
  endif()
  target_link_libraries(${target} PUBLIC codeapi_pch)
  target_precompile_headers(${target} REUSE_FROM codeapi_pch)
endfunction()

function(codeapi_room_tests)
  include(GoogleTest)
  get_property(rooms GLOBAL PROPERTY CODEAPI_ROOMS)
  # A host mounts one version of cgroups. The other's tests are left out, and said to be, rather than counted as passed.
  file(STRINGS /proc/self/mountinfo cgroup_v1 REGEX " - cgroup .*memory")
  if(NOT cgroup_v1)
    message(STATUS "cgroup v1 is not mounted here: its unit tests are not built")
  endif()
  foreach(room ${rooms})
    file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*_test.cc)
    if(NOT cgroup_v1)
      list(FILTER tests EXCLUDE REGEX "/cgroup_v1_test\\.cc$")
    endif()
    if(tests)
      add_executable(${room}_tests ${tests})
      target_link_libraries(${room}_tests PRIVATE codeapi_${room} GTest::gmock GTest::gtest_main)
      get_property(asio TARGET codeapi_${room} PROPERTY CODEAPI_ASIO)
      if(asio)
        codeapi_use_pch(${room}_tests)
      endif()
      # What needs a server is disabled here and run by pytest, which starts one; ctest should not name it at all.
      gtest_discover_tests(${room}_tests TEST_PREFIX ${room}. TEST_FILTER -DISABLED_*:*.DISABLED_*
        DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120)
    endif()
  endforeach()
endfunction()

# src/ROOM/NAME_bench.cc becomes the Google Benchmark program NAME_bench; `benches` builds them all. Nothing else does, so
# tests do not wait for them.
function(codeapi_room_benches)
  find_package(benchmark REQUIRED)
  add_custom_target(benches)
  get_property(rooms GLOBAL PROPERTY CODEAPI_ROOMS)
  foreach(room ${rooms})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*_bench.cc)
    foreach(source ${sources})
      get_filename_component(name ${source} NAME_WE)
      add_executable(${name} EXCLUDE_FROM_ALL ${source})
      target_link_libraries(${name} PRIVATE codeapi_${room} benchmark::benchmark_main)
      add_dependencies(benches ${name})
    endforeach()
  endforeach()
endfunction()

# src/ROOM/NAME_fuzz.cc becomes the libFuzzer program NAME_fuzz; `fuzz_targets` builds them all. The rooms must be built
# with CODEAPI_SANITIZE=fuzzer-no-link,..., so that the fuzzer sees which of their code an input reaches.
function(codeapi_room_fuzz_targets)
  if(NOT CODEAPI_SANITIZE MATCHES "fuzzer-no-link")
    message(FATAL_ERROR "CODEAPI_FUZZ needs CODEAPI_SANITIZE=fuzzer-no-link,... (cmake --preset fuzz)")
  endif()
  add_custom_target(fuzz_targets)
  get_property(rooms GLOBAL PROPERTY CODEAPI_ROOMS)
  foreach(room ${rooms})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*_fuzz.cc)
    foreach(source ${sources})
      get_filename_component(name ${source} NAME_WE)
      add_executable(${name} ${source})
      target_link_libraries(${name} PRIVATE codeapi_${room} Boost::headers)
      target_link_options(${name} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzz_targets ${name})
    endforeach()
  endforeach()
endfunction()
