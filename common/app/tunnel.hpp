// One end of a tunnel as a whole program: the event loop, the link on stdin and stdout, the signals.
#pragma once

#include <boost/asio/signal_set.hpp>

#include <functional>
#include <memory>

#include "common/app/options.hpp"
#include "common/app/terminal.hpp"
#include "common/io/session.hpp"

namespace tfunnel::app {

class Tunnel {
 public:
  struct Role {
    wire::Role role;
    bool ignores_hangup;  // the proxy outlives a login's terminal; the client ends with its own
  };

  /// Throws UsageError or boost::system::system_error if standard input and output cannot be a link.
  Tunnel(const CommonOptions& options, Role role, const io::Log& log);

  [[nodiscard]] asio::io_context& context() { return context_; }

  /// Makes the session; `acceptor` (null on the client) must outlive run().
  io::Session& connect(core::FlowAcceptor* acceptor);
  /// Runs until the link or a signal ends it.
  io::ExitStatus run();

  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

 private:
  /// What pending handlers own (sockets that still drain) refers to the session, whose timers in turn
  /// need the context: so the handlers go first, then the session, then the context.
  struct EventLoop : asio::io_context {
    using asio::io_context::io_context;
    void destroy_handlers() { shutdown(); }
  };

  io::Session::Settings session_settings() const;
  void wait_for_signal();
  void on_signal(int number);

  CommonOptions options_;
  Role role_;
  const io::Log& log_;
  std::size_t descriptors_;
  // The terminal is restored after the channel has put the descriptors' flags back.
  std::unique_ptr<RawTerminal> terminal_;
  EventLoop context_{1};
  std::unique_ptr<io::Channel> channel_;
  asio::signal_set signals_;
  std::unique_ptr<io::Session> session_;
  io::ExitStatus status_ = io::ExitStatus::ok;
};

}  // namespace tfunnel::app
