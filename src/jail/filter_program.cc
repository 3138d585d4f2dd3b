#include "jail/filter_program.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstring>
#include <span>
#include <vector>

namespace codeapi {
namespace {

std::vector<sock_filter> Instructions(const std::string& bytes) {
  std::vector<sock_filter> out(bytes.size() / sizeof(sock_filter));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(sock_filter));
  return out;
}

bool IsReturn(const sock_filter& instruction) {
  return instruction.code == (BPF_RET | BPF_K);
}

bool RefusesWithErrno(const sock_filter& instruction) {
  return IsReturn(instruction) && (instruction.k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
         (instruction.k & SECCOMP_RET_DATA) != 0;
}

bool Jumps(const sock_filter& instruction, std::uint32_t accumulator) {
  switch (BPF_OP(instruction.code)) {
    case BPF_JEQ:
      return accumulator == instruction.k;
    case BPF_JGT:
      return accumulator > instruction.k;
    case BPF_JGE:
      return accumulator >= instruction.k;
    default:
      return (accumulator & instruction.k) != 0;  // BPF_JSET
  }
}

}  // namespace

FilterProgram AsProgram(const std::string& bytes) {
  return {reinterpret_cast<const sock_filter*>(bytes.data()),
          static_cast<unsigned short>(bytes.size() / sizeof(sock_filter))};
}

std::uint32_t RunFilter(const FilterProgram& program, const seccomp_data& call) {
  std::uint32_t accumulator = 0;
  // Jumps lead forward only, so this ends.
  for (std::size_t at = 0; at < program.length; ++at) {
    const sock_filter& instruction = program.code[at];
    switch (instruction.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (instruction.k > sizeof call - sizeof accumulator) return SECCOMP_RET_KILL_PROCESS;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + instruction.k, sizeof accumulator);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= instruction.k;
        break;
      case BPF_JMP | BPF_JA:
        at += instruction.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
      case BPF_JMP | BPF_JGT | BPF_K:
      case BPF_JMP | BPF_JGE | BPF_K:
      case BPF_JMP | BPF_JSET | BPF_K:
        at += Jumps(instruction, accumulator) ? instruction.jt : instruction.jf;
        break;
      case BPF_RET | BPF_K:
        return instruction.k;
      default:
        return SECCOMP_RET_KILL_PROCESS;
    }
  }
  return SECCOMP_RET_KILL_PROCESS;
}

std::string JoinForListener(const std::string& deny, const std::string& allow) {
  std::vector<sock_filter> joined = Instructions(deny);
  const std::size_t end = joined.size();
  for (std::size_t at = 0; at < end; ++at) {
    if (IsReturn(joined[at]) && joined[at].k == SECCOMP_RET_ALLOW) {
      joined[at] = {BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(end - at - 1)};
    }
  }
  const std::vector<sock_filter> rest = Instructions(allow);
  joined.insert(joined.end(), rest.begin(), rest.end());
  if (joined.size() > BPF_MAXINSNS) return {};
  for (sock_filter& instruction : joined) {
    if (RefusesWithErrno(instruction)) instruction.k = SECCOMP_RET_USER_NOTIF;
  }
  return {reinterpret_cast<const char*>(joined.data()), joined.size() * sizeof(sock_filter)};
}

}  // namespace codeapi
