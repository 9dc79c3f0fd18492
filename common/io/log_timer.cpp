#include "common/io/log_timer.hpp"

namespace tfunnel::io {

LogTimer::LogTimer(asio::io_context& context, const Log& log) : log_(log), timer_(context) {
  log_.on_due([this] { wait(); });
  wait();
}

void LogTimer::stop() {
  log_.on_due({});
  timer_.cancel();
}

void LogTimer::wait() {
  const auto due = log_.due();
  if (!due) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(*due);
  timer_.async_wait([this](error_code error) {
    if (!error) log_.tick();
  });
}

}  // namespace tfunnel::io
