// The practical limit of a tunnel over a pipe: a single flow, moved by splice(2) only.
#include <fcntl.h>
#include <poll.h>

#include <cerrno>

#include "relay.hpp"

namespace {

void wait_for(int fd, short event) {
  pollfd waiting{fd, event, 0};
  ::poll(&waiting, 1, -1);
}

// Never blocks inside splice: it would hold the pipe's lock meanwhile, and the other process could
// neither fill nor drain the pipe.
bool pump(int from, int to, std::byte*) {
  constexpr std::size_t most = 1 << 20;
  const auto moved = ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved >= 0 || errno != EAGAIN) return moved > 0;
  wait_for(from, POLLIN);
  wait_for(to, POLLOUT);
  return true;
}

}  // namespace

int main(int argc, char** argv) { return bench::run_relay(argc, argv, {pump, true}); }
