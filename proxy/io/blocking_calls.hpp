// For calls into libraries that know no asynchronous way: in a thread of their own, so that the tunnel never waits.
#pragma once

#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <list>
#include <memory>
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
  /// they touch; and while the call is at work, nothing else may touch what it touches. Both live here, and die in the
  /// context's thread.
  void run(std::function<void()> call, std::function<void()> done);
  /// Begins no more calls, and calls no `done` any more. Does not wait for the call that is at work.
  void stop();

 private:
  struct Job {
    std::function<void()> call;
    std::function<void()> done;
  };
  void finish(const std::shared_ptr<Job>& job);

  asio::io_context& context_;
  std::optional<asio::thread_pool> thread_;
  std::list<std::shared_ptr<Job>> jobs_;  // until they are done; nobody else holds any
  bool stopped_ = false;
};

}  // namespace tfunnel::proxy
