// Standard input and output as a link.
#pragma once

#include <memory>

#include "common/app/options.hpp"
#include "common/app/terminal.hpp"
#include "common/io/session.hpp"

namespace tfunnel::app {

class StandardChannel {
 public:
  /// Throws UsageError or boost::system::system_error if they cannot be a link. With options.tty their terminal is in
  /// raw mode as long as this lives: who hears signals must do so before.
  StandardChannel(asio::io_context& context, const CommonOptions& options);

  [[nodiscard]] io::Channel& channel() { return *channel_; }
  /// The settings that `options` ask for, and this channel.
  [[nodiscard]] io::Session::Settings session_settings(wire::Role role) const;

 private:
  CommonOptions options_;
  // The terminal is restored after the channel has put the descriptors' flags back.
  std::unique_ptr<RawTerminal> terminal_;
  std::unique_ptr<io::Channel> channel_;
};

}  // namespace tfunnel::app
