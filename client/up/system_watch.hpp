// Hears of changes by others to routing and rules.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <chrono>
#include <functional>

#include "client/up/rules_events.hpp"
#include "common/core/time.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::client {

class SystemWatch {
 public:
  struct Changes {
    bool routing = false;  // rules, routes, addresses or network cards
    bool rules = false;    // the table
  };

  /// `on_change` is called from the event loop, soon after the first of some changes.
  SystemWatch(asio::io_context& context, const std::string& table, std::function<void(Changes)> on_change);
  /// Throws boost::system::system_error.
  void start();
  /// Its handlers refer to it until the event loop has run dry.
  void stop();
  /// As if this had changed again in a while.
  void look_again(bool Changes::*what) { note(what, retry_time); }
  /// Calls `transaction`, whose change of the table is ours and not told.
  void without_own(const std::function<void()>& transaction);

 private:
  struct Bus {
    asio::posix::stream_descriptor socket;
    bool Changes::*what;
  };

  void listen(Bus& bus);
  void drain(Bus& bus);
  // A burst counts once; what was removed is back soon all the same.
  static constexpr auto settling_time = std::chrono::milliseconds(30);
  static constexpr auto retry_time = std::chrono::milliseconds(200);
  void note(bool Changes::*what, core::Duration delay = settling_time);

  Bus routing_;
  Bus filter_;
  RulesEvents events_;
  asio::steady_timer settling_;
  std::function<void(Changes)> on_change_;
  Changes changes_;
  bool due_ = false;
  bool stopped_ = false;  // handlers that were due before may still come
};

}  // namespace tfunnel::client
