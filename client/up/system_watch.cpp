#include "client/up/system_watch.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "client/rules/nft.hpp"
#include "common/io/descriptor.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

// Messages in a row before others get their turn in the event loop.
constexpr int most_in_a_row = 64;

int open_bus(int bus, std::initializer_list<int> groups) {
  io::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  const auto fail = [] { throw boost::system::system_error(io::last_error(), "watching the network"); };
  if (!socket.is_open()) fail();
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail();
  for (const int group : groups) {
    if (::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) fail();
  }
  return socket.release();
}

}  // namespace

SystemWatch::SystemWatch(asio::io_context& context, const std::string& table, std::function<void(Changes)> on_change)
    : routing_{asio::posix::stream_descriptor(context), &Changes::routing},
      filter_{asio::posix::stream_descriptor(context), &Changes::rules},
      events_(table),
      settling_(context),
      on_change_(std::move(on_change)) {}

void SystemWatch::start() {
  routing_.socket.assign(
      open_bus(NETLINK_ROUTE, {RTNLGRP_LINK, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_ROUTE,
                               RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR}));
  filter_.socket.assign(open_bus(NETLINK_NETFILTER, {NFNLGRP_NFTABLES}));
  listen(routing_);
  listen(filter_);
}

void SystemWatch::stop() {
  stopped_ = true;
  error_code ignored;
  routing_.socket.close(ignored);
  filter_.socket.close(ignored);
  settling_.cancel();
}

// If somebody else was at it, too, the change may have been theirs: it is told, and done again to no harm.
void SystemWatch::without_own(const std::function<void()>& transaction) {
  error_code ignored;
  const auto before = generation(ignored);
  transaction();
  const auto after = generation(ignored);
  if (before && after && *after == *before + 1) events_.ignore_until(*after);
}

void SystemWatch::listen(Bus& bus) {
  bus.socket.async_wait(asio::posix::stream_descriptor::wait_read, [this, &bus](error_code error) {
    if (error || stopped_) return;
    drain(bus);
    listen(bus);
  });
}

// A full queue (ENOBUFS) means that something changed.
void SystemWatch::drain(Bus& bus) {
  alignas(nlmsghdr) std::array<std::byte, 65536> bytes;
  for (int i = 0; i < most_in_a_row; ++i) {
    const auto size = ::recv(bus.socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size < 0 && errno != ENOBUFS) return;
    const bool matters =
        size < 0 || &bus == &routing_ || events_.changed(std::span(bytes).first(static_cast<std::size_t>(size)));
    if (matters) note(bus.what);
  }
}

void SystemWatch::note(bool Changes::*what, core::Duration delay) {
  changes_.*what = true;
  if (std::exchange(due_, true)) return;
  settling_.expires_after(delay);
  settling_.async_wait([this](error_code error) {
    if (error || stopped_) return;
    due_ = false;
    on_change_(std::exchange(changes_, {}));
  });
}

}  // namespace tfunnel::client
