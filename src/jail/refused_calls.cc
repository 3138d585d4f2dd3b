#include "jail/refused_calls.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "jail/filter_program.h"

namespace codeapi {
namespace {

// Between two looks at everything else that a cell's init has to do.
constexpr int kAtOnce = 64;

}  // namespace

UniqueFd ReceiveDescriptor(int socket) {
  char byte;
  ssize_t length;
  do length = ::recv(socket, &byte, sizeof byte, MSG_PEEK | MSG_TRUNC);
  while (length < 0 && errno == EINTR);
  if (length != 1) return {};
  int fd = -1;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return {};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof fd))
    return {};
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

RefusedCalls::RefusedCalls(const std::string& deny, const std::string& allow)
    : deny_(AsProgram(deny)), allow_(AsProgram(allow)), joined_(JoinForListener(deny, allow)) {}

void RefusedCalls::Answer(short events) {
  if ((events & POLLIN) == 0) {
    if (events != 0) listener_.reset();  // the last process with this filter is gone
    return;
  }
  // Receiving would wait if the caller were killed in between, so each is asked for before it is received.
  for (int i = 0; i < kAtOnce; ++i) {
    pollfd ready{listener_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLIN) == 0 || !AnswerOne()) return;
  }
}

bool RefusedCalls::AnswerOne() {
  // Room beyond what this kernel's headers say, since a newer kernel may fill in more.
  constexpr std::size_t kRoom = 512;
  static_assert(sizeof(seccomp_notif) <= kRoom && sizeof(seccomp_notif_resp) <= kRoom);
  alignas(8) std::array<char, kRoom> buffer{};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, buffer.data()) != 0) {
    return errno == EINTR || errno == ENOENT;  // ENOENT: the caller was killed meanwhile
  }
  seccomp_notif asked;
  std::memcpy(&asked, buffer.data(), sizeof asked);
  seccomp_notif_resp answer{};
  answer.id = asked.id;
  answer.error = -Refuse(asked.data);
  // Fails when the caller was killed meanwhile: then nobody wants to know.
  ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
  return true;
}

// Counts the call and returns the errno that it gets.
int RefusedCalls::Refuse(const seccomp_data& call) {
  std::uint32_t verdict = RunFilter(deny_, call);
  if (verdict == SECCOMP_RET_ALLOW) verdict = RunFilter(allow_, call);
  // Nothing else is put before the listener. It refuses also what should never come here.
  const bool refused = (verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
  const int error = refused ? static_cast<int>(verdict & SECCOMP_RET_DATA) : ENOSYS;
  auto known = std::ranges::find(counts_, call.nr, &RefusedCall::number);
  if (known == counts_.end()) {
    const bool full = counts_.size() + 1 >= RefusedCall::kMost;
    const std::int32_t number = full ? RefusedCall::kOthers : call.nr;
    known = full ? std::ranges::find(counts_, number, &RefusedCall::number) : known;
    if (known == counts_.end()) {
      RefusedCall first;
      first.number = number;
      first.error = error;
      std::ranges::copy(call.args, first.arguments.begin());
      known = counts_.insert(counts_.end(), first);
    }
  }
  ++known->count;
  return error;
}

}  // namespace codeapi
