// For calls into libraries that know no asynchronous way: in a thread of their own, so that the tunnel never waits.
#pragma once

#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <optional>

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// One call after the other, in one thread, which exists from the first call on.
class BlockingCalls {
 public:
  /// `context` must outlive this.
  explicit BlockingCalls(asio::io_context& context) : context_(context) {}
  /// Waits for the call that is at work, as the system's resolver makes the program wait too; drops those behind it.
  ~BlockingCalls();
  BlockingCalls(const BlockingCalls&) = delete;
  BlockingCalls& operator=(const BlockingCalls&) = delete;

  /// Runs `call` in the thread, then `done` in the context's. Nobody can interrupt the call, so both must own what
  /// they touch; and while the call is at work, nothing else may touch what it touches.
  void run(std::function<void()> call, std::function<void()> done);

 private:
  asio::io_context& context_;
  std::optional<asio::thread_pool> thread_;
};

}  // namespace tfunnel::proxy
