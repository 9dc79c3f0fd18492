#include "proxy/egress/reach_watch.hpp"

#include <utility>

namespace tfunnel::proxy {

ReachWatch::ReachWatch(asio::io_context& context, Look look, std::set<core::Address> virtual_addresses, core::Mux& mux)
    : look_(std::move(look)), virtual_addresses_(std::move(virtual_addresses)), mux_(mux), timer_(context) {
  tell();
  look_again();
}

void ReachWatch::stop() {
  stopped_ = true;
  timer_.cancel();
}

void ReachWatch::tell() {
  auto reach = look_();
  for (const auto& address : virtual_addresses_) {
    auto& networks = reach.of(address.is_v4());
    if (networks) networks->push_back(core::Network::of(address, address.is_v4() ? 32 : 128));
  }
  for (auto* networks : {&reach.v4, &reach.v6}) {
    if (*networks) *networks = core::limited(std::move(**networks));
  }
  mux_.tell_reach(reach);
}

void ReachWatch::look_again() {
  timer_.expires_after(period);
  timer_.async_wait([this](error_code error) {
    if (error || stopped_) return;
    tell();
    look_again();
  });
}

}  // namespace tfunnel::proxy
