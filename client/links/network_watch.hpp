// Notices events that break links without a word: another network, and sleep.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>

#include "client/links/sleep_detector.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::client {

/// Hears of changed links, addresses and routes of this network namespace (rtnetlink(7)), and compares clocks. Changes
/// come in bursts: they count once, when they have settled for a moment.
class NetworkWatch {
 public:
  /// `concerns_link`: false if nothing but routes of `tfunnel up` changed, which a link does not take.
  using OnChange = std::function<void(const char* what, bool concerns_link)>;
  /// `on_change` is called from the event loop. Without rtnetlink (a sandbox) only sleep is noticed.
  NetworkWatch(asio::io_context& context, OnChange on_change);
  void start();
  void stop();

 private:
  void listen();
  void drain();
  void settle();
  void look_at_clocks();

  asio::posix::stream_descriptor netlink_;
  asio::steady_timer settling_;
  asio::steady_timer clocks_;
  OnChange on_change_;
  SleepDetector sleep_;
  bool changed_ = false;
  bool concerns_link_ = false;
  bool stopped_ = false;  // handlers that were due before may still come
};

}  // namespace tfunnel::client
