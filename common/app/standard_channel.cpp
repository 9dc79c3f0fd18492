#include "common/app/standard_channel.hpp"

#include <unistd.h>

#include "common/app/session_settings.hpp"

namespace tfunnel::app {

namespace {

std::unique_ptr<RawTerminal> prepare_terminal(bool tty) {
  refuse_terminal(tty);
  return tty ? std::make_unique<RawTerminal>() : nullptr;
}

std::unique_ptr<io::Channel> open_channel(asio::io_context& context) {
  try {
    return std::make_unique<io::Channel>(context, STDIN_FILENO, STDOUT_FILENO);
  } catch (const boost::system::system_error&) {
    throw UsageError(
        "standard input or output is closed, a file or /dev/null; the link must be a pipe, a socket or, with --tty, a "
        "terminal");
  }
}

}  // namespace

StandardChannel::StandardChannel(asio::io_context& context, const CommonOptions& options)
    : options_(options), terminal_(prepare_terminal(options.tty)), channel_(open_channel(context)) {}

io::Session::Settings StandardChannel::session_settings(wire::Role role) const {
  auto settings = app::session_settings(options_, role);
  if (terminal_) settings.link_rate = terminal_->rate();
  settings.repeats_greeting = options_.tty;
  return settings;
}

}  // namespace tfunnel::app
