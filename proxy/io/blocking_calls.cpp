#include "proxy/io/blocking_calls.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace tfunnel::proxy {

BlockingCalls::~BlockingCalls() {
  if (!thread_) return;
  thread_->stop();
  thread_->join();
}

void BlockingCalls::run(std::function<void()> call, std::function<void()> done) {
  if (!thread_) thread_.emplace(1);
  asio::post(*thread_, [this, call = std::move(call), done = std::move(done)]() mutable {
    call();
    // The objects that the call owned must not die in this thread.
    asio::post(context_, [call = std::move(call), done = std::move(done)] { done(); });
  });
}

}  // namespace tfunnel::proxy
