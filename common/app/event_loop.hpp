// The io_context of a program.
#pragma once

#include "common/io/asio.hpp"

namespace tfunnel::app {

/// Pending handlers own sockets that still drain; these refer to sessions, whose timers in turn need the context: so
/// the handlers go first, by destroy_handlers(), then the sessions, then the context.
struct EventLoop : asio::io_context {
  using asio::io_context::io_context;
  void destroy_handlers() { shutdown(); }
};

}  // namespace tfunnel::app
