// An event loop's work for a log.
#pragma once

#include "common/io/asio.hpp"
#include "common/io/log.hpp"

namespace tfunnel::io {

/// Lets the event loop write the lines that standard error did not take, and count those left out when a flood is over.
/// Sleeps while there are neither.
class LogTimer {
 public:
  /// `log` must outlive this, and this the io_context's last handler.
  LogTimer(asio::io_context& context, const Log& log);
  ~LogTimer() { log_.on_due({}); }
  LogTimer(const LogTimer&) = delete;
  LogTimer& operator=(const LogTimer&) = delete;

 private:
  void wait();

  const Log& log_;
  asio::steady_timer timer_;
};

}  // namespace tfunnel::io
