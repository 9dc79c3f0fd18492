// One end of a tunnel as a whole program: the event loop, the link on stdin and stdout, the signals.
#pragma once

#include <boost/asio/signal_set.hpp>

#include <functional>
#include <memory>

#include "common/app/ending.hpp"
#include "common/app/event_loop.hpp"
#include "common/app/options.hpp"
#include "common/app/terminal.hpp"
#include "common/io/log_timer.hpp"
#include "common/io/session.hpp"

namespace tfunnel::app {

/// The settings that `options` ask for; raises the process's limit of descriptors.
io::Session::Settings session_settings(const CommonOptions& options, wire::Role role);

class Tunnel {
 public:
  struct Role {
    wire::Role role;
    bool ignores_hangup;  // the proxy outlives a login's terminal; the client ends with its own
  };

  /// Throws UsageError or boost::system::system_error if standard input and output cannot be a link.
  Tunnel(const CommonOptions& options, Role role, const io::Log& log);

  [[nodiscard]] asio::io_context& context() { return context_; }

  /// Makes the session; `acceptor` (null on the client) must outlive run(). `resolver` is told to the far end.
  io::Session& connect(core::FlowAcceptor* acceptor, std::optional<core::ResolverHints> resolver = {});
  /// `handler` is called once, when a signal has asked for the end (true) or the link has ended (false): no new flows.
  void on_ending(std::function<void(bool linked)> handler) { on_ending_ = std::move(handler); }
  /// Runs until the link or a signal ends it, and all that was sent before is delivered.
  io::ExitStatus run();

  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

 private:
  void wait_for_signal();
  void on_signal(int number);
  void on_link_end(io::ExitStatus status, const std::string& why);
  void on_delivered(io::ExitStatus status);
  void finish();

  CommonOptions options_;
  Role role_;
  const io::Log& log_;
  EventLoop context_{1};
  // Before the terminal: a signal that kills must not leave it raw.
  asio::signal_set signals_;
  // The terminal is restored after the channel has put the descriptors' flags back.
  std::unique_ptr<RawTerminal> terminal_;
  io::LogTimer log_timer_;
  std::unique_ptr<io::Channel> channel_;
  std::unique_ptr<io::Session> session_;
  Ending ending_;
  std::function<void(bool linked)> on_ending_;
  std::string why_;       // the signal
  bool linked_ = true;    // the session has not ended
  bool is_over_ = false;  // nothing is left to wait for but the goodbye
  io::ExitStatus status_ = io::ExitStatus::ok;
};

}  // namespace tfunnel::app
