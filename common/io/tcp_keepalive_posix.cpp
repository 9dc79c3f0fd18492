// POSIX knows SO_KEEPALIVE but none of its times: the system's defaults hold.
#include "common/io/tcp_keepalive.hpp"

namespace tfunnel::io {

void set_keepalive_times(int /*socket*/, const KeepaliveTimes& /*times*/) {}

}  // namespace tfunnel::io
