// An event loop's work for a log.
#pragma once

#include "common/io/asio.hpp"
#include "common/io/log.hpp"

namespace tfunnel::io {

/// Lets the event loop write the lines that standard error did not take, and count those left out when a flood is over.
/// Sleeps while there are neither.
class LogTimer {
 public:
  /// `log` must outlive this, and this the io_context's last handler, or stop() and one more round.
  LogTimer(asio::io_context& context, const Log& log);
  ~LogTimer() { stop(); }
  LogTimer(const LogTimer&) = delete;
  LogTimer& operator=(const LogTimer&) = delete;

  /// From here on the log does what it can by itself.
  void stop();

 private:
  void wait();

  const Log& log_;
  asio::steady_timer timer_;
};

}  // namespace tfunnel::io
