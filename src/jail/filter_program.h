// Reading and rewriting compiled filters, for the mode in which refusals are told to a listener.
//
// Theory of operation. To the kernel a refusal with an errno is stricter than one that is put before a
// listener, and a process can have one listener only. So in this mode the two filters become one: the deny
// filter first, and where it would allow, a jump into the allow filter behind it; and each refusal with an
// errno becomes "ask the listener". Since a jump takes the place of a return and nothing else moves, every
// other jump stays right. The listener runs the unchanged filters over the call it is asked about, so it
// answers with the errno that they would have given: there is no second list that could differ.
#pragma once

#include <cstdint>
#include <string>

#include "jail/lockdown.h"

struct seccomp_data;

namespace codeapi {

/// `bytes`, an array of struct sock_filter, as a program. Valid as long as the bytes are.
FilterProgram AsProgram(const std::string& bytes);

/// What `program` returns for `call`: a SECCOMP_RET_* value. SECCOMP_RET_KILL_PROCESS for instructions that
/// compiled filters do not consist of.
std::uint32_t RunFilter(const FilterProgram& program, const seccomp_data& call);

/// Both filters as one that asks a listener wherever they would refuse with an errno. Calls that the filters
/// answer with "done" or kill for stay as they are. Empty when the result would be too long for the kernel.
std::string JoinForListener(const std::string& deny, const std::string& allow);

}  // namespace codeapi
