// Tells a service manager (systemd) how this service is, by the protocol of sd_notify(3).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/core/time.hpp"
#include "common/io/asio.hpp"
#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// Does nothing where nobody wants to know ($NOTIFY_SOCKET). Never waits: news that the manager does not take now are
/// told a little later. As long as the event loop runs it says so twice in each $WATCHDOG_USEC, so that one that hangs
/// is noticed.
class ServiceNotice {
 public:
  /// How the service is, in a few words: asked for now and then.
  using Tell = std::function<std::string()>;

  /// Takes the variables out of the environment: commands that are started later have other managers, if any. It must
  /// outlive the io_context's last handler, or close() and one more round.
  ServiceNotice(asio::io_context& context, Tell tell);
  ~ServiceNotice() { close(); }
  ServiceNotice(const ServiceNotice&) = delete;
  ServiceNotice& operator=(const ServiceNotice&) = delete;

  /// From here on the manager is told.
  void start();
  /// It has started. No effect the second time.
  void ready();
  /// What `tell` says may have changed.
  void changed();
  /// It is about to end.
  void stopping();
  void close();

 private:
  [[nodiscard]] bool is_wanted() const { return started_ && socket_.is_open(); }
  void look();
  void say(const std::string& line) { waiting_ += line + "\n"; }
  void send();

  Tell tell_;
  io::Descriptor socket_;  // connected to the manager's; closed: there is none
  core::Duration period_;
  bool watched_ = false;
  asio::steady_timer timer_;
  std::string waiting_;  // lines that have not been taken
  std::string said_;     // of how it is
  bool started_ = false;
  bool is_ready_ = false;
  bool closed_ = false;
};

}  // namespace tfunnel::client
