#include "client/up/control_groups_watch.hpp"

#include <unistd.h>

#include <utility>

namespace tfunnel::client {

ControlGroupsWatch::ControlGroupsWatch(asio::io_context& context, std::vector<ControlGroup> groups,
                                       std::function<void()> on_change)
    : changes_(context), groups_(std::move(groups)), on_change_(std::move(on_change)) {}

// The event loop's descriptor is a copy, since each of the two closes its own.
void ControlGroupsWatch::start() {
  if (groups_.empty()) return;
  look();
  const int copy = paths_.descriptor() < 0 ? -1 : ::dup(paths_.descriptor());
  if (copy < 0) return;
  changes_.assign(copy);
  listen();
}

void ControlGroupsWatch::stop() {
  stopped_ = true;
  error_code ignored;
  changes_.close(ignored);
}

void ControlGroupsWatch::look() {
  paths_.begin();
  for (const auto& group : groups_) paths_.add(directory_of(group));
  paths_.end();
}

void ControlGroupsWatch::listen() {
  changes_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
    if (error || stopped_) return;
    if (paths_.concerns_us()) {
      look();
      on_change_();
    }
    listen();
  });
}

}  // namespace tfunnel::client
