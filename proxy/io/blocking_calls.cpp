#include "proxy/io/blocking_calls.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace tfunnel::proxy {

BlockingCalls::~BlockingCalls() {
  stop();
  if (thread_) thread_->join();
}

void BlockingCalls::stop() {
  stopped_ = true;
  if (thread_) thread_->stop();
}

// The thread sees a job by its address. What it posts may never run, if the event loop has run dry meanwhile, and may
// be destroyed after all else: so that owns nothing.
void BlockingCalls::run(std::function<void()> call, std::function<void()> done) {
  if (stopped_) return;
  if (!thread_) thread_.emplace(1);
  const auto& job = jobs_.emplace_back(std::make_shared<Job>(Job{std::move(call), std::move(done)}));
  asio::post(*thread_, [this, job = job.get(), weak = std::weak_ptr(job)] {
    job->call();
    asio::post(context_, [this, weak] {
      if (const auto finished = weak.lock()) finish(finished);
    });
  });
}

void BlockingCalls::finish(const std::shared_ptr<Job>& job) {
  jobs_.remove(job);
  if (!stopped_) job->done();
}

}  // namespace tfunnel::proxy
