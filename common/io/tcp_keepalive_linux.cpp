// tcp(7): TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/io/tcp_keepalive.hpp"

namespace tfunnel::io {

void set_keepalive_times(int socket, const KeepaliveTimes& times) {
  const auto set = [socket](int option, int value) { ::setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value); };
  set(TCP_KEEPIDLE, static_cast<int>(times.idle.count()));
  set(TCP_KEEPINTVL, static_cast<int>(times.interval.count()));
  set(TCP_KEEPCNT, times.probes);
}

}  // namespace tfunnel::io
