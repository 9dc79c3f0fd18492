// Hears when control groups that are named to be captured come and go.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <vector>

#include "client/rules/system_rules.hpp"
#include "client/run/path_watch.hpp"
#include "client/up/control_groups.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::client {

/// A rule knows a group itself, not its path: one that is removed and made again is another one, as that of a service
/// is which starts again.
class ControlGroupsWatch {
 public:
  /// `on_change` is called from the event loop.
  ControlGroupsWatch(asio::io_context& context, std::vector<ControlGroup> groups, std::function<void()> on_change);
  void start();
  /// Its handlers refer to it until the event loop has run dry.
  void stop();
  /// Those that there are by now.
  [[nodiscard]] std::vector<ControlGroup> present() const { return client::present(groups_); }

 private:
  void look();
  void listen();

  PathWatch paths_;
  asio::posix::stream_descriptor changes_;
  std::vector<ControlGroup> groups_;
  std::function<void()> on_change_;
  bool stopped_ = false;  // handlers that were due before may still come
};

}  // namespace tfunnel::client
