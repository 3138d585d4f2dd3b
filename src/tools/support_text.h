// The support files that are the same for every program, as they are in this directory.
#pragma once

#include <string_view>

namespace codeapi {

extern const char* const kRunText;            ///< run.py
extern const char* const kToolCallsText;      ///< codeapi_calls.py
extern const char* const kToolProgramText;    ///< codeapi_program.py
extern const char* const kToolSpawnedText;    ///< codeapi_spawned.py
extern const char* const kToolFunctionsText;  ///< codeapi_tools.py

/// The program codeapi-tool-call (call_main.c).
std::string_view ToolCallProgram();

}  // namespace codeapi
