// Tells the client where this host has routes to.
#pragma once

#include <functional>
#include <set>

#include "common/core/mux.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// Looks at once, so that Hello says it, and again every few seconds: a VPN may come up, or a network be left.
class ReachWatch {
 public:
  using Look = std::function<core::Reach()>;
  static constexpr core::Duration period = std::chrono::seconds(5);

  /// `mux` must outlive it. `virtual_addresses` are served though no route leads to them.
  ReachWatch(asio::io_context& context, Look look, std::set<core::Address> virtual_addresses, core::Mux& mux);
  void stop();

 private:
  void tell();
  void look_again();

  Look look_;
  std::set<core::Address> virtual_addresses_;
  core::Mux& mux_;
  asio::steady_timer timer_;
  bool stopped_ = false;
};

}  // namespace tfunnel::proxy
