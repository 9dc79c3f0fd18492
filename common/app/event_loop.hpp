// The io_context of a program.
#pragma once

#include "common/io/asio.hpp"

namespace tfunnel::app {

struct EventLoop : asio::io_context {
  using asio::io_context::io_context;
  /// For an end by an exception, while all that handlers refer to is there: they own sockets that still drain, these
  /// refer to sessions, and the sessions' timers to the context. Any other end lets the loop run dry.
  void destroy_handlers() { shutdown(); }
};

}  // namespace tfunnel::app
