#include "client/links/network_watch.hpp"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <tuple>
#include <utility>

#include "client/rules/system_routing.hpp"

namespace tfunnel::client {

namespace {

using namespace std::chrono_literals;

constexpr auto settling_time = 500ms;
// Messages in a row before others get their turn in the event loop.
constexpr int most_in_a_row = 64;
// How soon after waking up it is noticed.
constexpr auto clock_period = 2s;

int open_netlink() {
  const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  // One that hears nothing is no worse than none: the clock is left.
  if (socket >= 0) std::ignore = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return socket;
}

/// The routes of `tfunnel up` change nothing for the link, which does not take them; and they come with each new link.
bool is_own_route(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWROUTE && message.nlmsg_type != RTM_DELROUTE) return false;
  if (message.nlmsg_len < mnl_nlmsg_size(sizeof(rtmsg))) return false;
  return static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message))->rtm_protocol == routing_protocol;
}

bool has_news(const char* bytes, int size) {
  for (const auto* one = reinterpret_cast<const nlmsghdr*>(bytes); mnl_nlmsg_ok(one, size);
       one = mnl_nlmsg_next(one, &size)) {
    if (!is_own_route(*one)) return true;
  }
  return false;
}

std::chrono::nanoseconds clock_value(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

NetworkWatch::NetworkWatch(asio::io_context& context, OnChange on_change)
    : netlink_(context), settling_(context), clocks_(context), on_change_(std::move(on_change)) {
  const int socket = open_netlink();
  if (socket >= 0) netlink_.assign(socket);
}

void NetworkWatch::start() {
  look_at_clocks();
  if (netlink_.is_open()) listen();
}

void NetworkWatch::stop() {
  stopped_ = true;
  error_code ignored;
  netlink_.close(ignored);
  settling_.cancel();
  clocks_.cancel();
}

void NetworkWatch::listen() {
  netlink_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
    if (error || stopped_) return;
    drain();
    listen();
  });
}

// The kind of a change does not matter, and neither does a full queue (ENOBUFS): both mean that something changed.
void NetworkWatch::drain() {
  alignas(nlmsghdr) std::array<char, 8192> bytes{};
  for (int i = 0; i < most_in_a_row; ++i) {
    const auto size = ::recv(netlink_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size <= 0) {
      concerns_link_ = concerns_link_ || (size < 0 && errno == ENOBUFS);
      break;
    }
    concerns_link_ = concerns_link_ || has_news(bytes.data(), static_cast<int>(size));
  }
  if (!std::exchange(changed_, true)) settle();
}

void NetworkWatch::settle() {
  settling_.expires_after(settling_time);
  settling_.async_wait([this](error_code error) {
    if (error || stopped_) return;
    changed_ = false;
    const bool concerns_link = std::exchange(concerns_link_, false);
    on_change_(concerns_link ? "the network changed" : "the tunnel's routes changed", concerns_link);
  });
}

void NetworkWatch::look_at_clocks() {
  if (sleep_.slept(clock_value(CLOCK_BOOTTIME), clock_value(CLOCK_MONOTONIC))) on_change_("this machine slept", true);
  clocks_.expires_after(clock_period);
  clocks_.async_wait([this](error_code error) {
    if (!error && !stopped_) look_at_clocks();
  });
}

}  // namespace tfunnel::client
