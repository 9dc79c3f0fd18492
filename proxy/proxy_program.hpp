// The far end as a whole program: the event loop, the link on standard input and output, the signals.
#pragma once

#include <boost/asio/signal_set.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/app/ending.hpp"
#include "common/app/standard_channel.hpp"
#include "common/io/log_timer.hpp"

namespace tfunnel::proxy {

class ProxyProgram {
 public:
  /// Throws UsageError or boost::system::system_error if standard input and output cannot be a link. `log` must outlive
  /// it.
  ProxyProgram(const app::CommonOptions& options, const io::Log& log);
  ~ProxyProgram();
  ProxyProgram(const ProxyProgram&) = delete;
  ProxyProgram& operator=(const ProxyProgram&) = delete;

  [[nodiscard]] asio::io_context& context() { return context_; }

  /// Called once, near the end of run(): nothing is delivered any more. All that the proxy has pending in the event
  /// loop is to be cancelled, for run() returns when nothing is left there.
  std::function<void()> on_finish = [] {};

  /// Makes the session; `acceptor` must outlive run(). `resolver` is told to the near end.
  io::Session& connect(core::FlowAcceptor& acceptor, std::optional<core::ResolverHints> resolver);
  /// Runs until the link or a signal ends it, and all that was sent before is delivered. SIGHUP is no reason: it
  /// outlives a login's terminal.
  io::ExitStatus run();

 private:
  void wait_for_signal();
  void on_signal(int number);
  void on_link_end(io::ExitStatus status, const std::string& why);
  void on_delivered(io::ExitStatus status);
  void finish();

  const io::Log& log_;
  asio::io_context context_{1};
  // Before the terminal: a signal that kills must not leave it raw.
  asio::signal_set signals_;
  app::StandardChannel channel_;
  io::LogTimer log_timer_;
  std::unique_ptr<io::Session> session_;
  app::Ending ending_;
  std::string why_;        // the signal
  bool linked_ = true;     // the session has not ended
  bool is_over_ = false;   // nothing is left to wait for but the goodbye
  bool finished_ = false;  // nor for that
  io::ExitStatus status_ = io::ExitStatus::ok;
};

}  // namespace tfunnel::proxy
