#include "client/capture/raw_sender.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>

#include <utility>

#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

using Clock = std::chrono::steady_clock;

// Every IPv6 link carries this much, and so does every IPv4 link of today: a fragment never needs
// a second fragmentation, whatever the path to the application.
constexpr std::size_t safe_mtu = 1280;

}  // namespace

RawSender::RawSender(asio::io_context& context, io::Descriptor v4, io::Descriptor v6, const io::Log& log)
    : context_(context), log_(log) {
  v4_.socket = std::move(v4);
  v6_.socket = std::move(v6);
}

bool RawSender::deliver(const core::Endpoint& peer, const core::Endpoint& application, core::ByteView payload) {
  // A peer of the other family than the flow, or more than the family can carry, is nonsense from the far end.
  if (peer.address.is_v4() != application.address.is_v4()) return false;
  if (payload.size() > core::largest_datagram(peer.address)) return false;
  send(udp_packet(peer, application, payload), application.address);
  return true;
}

void RawSender::deliver_error(const core::Endpoint& peer, const core::Endpoint& application, core::Reason reason) {
  if (peer.address.is_v4() != application.address.is_v4()) return;
  send(unreachable_packet(application, peer, reason), application.address);
}

void RawSender::send(const Packet& packet, const core::Address& to) {
  auto& way = to.is_v4() ? v4_ : v6_;
  const udp::endpoint endpoint(io::to_asio(to), 0);
  if (packet.size() > safe_mtu && !narrow_.empty() && narrow_.contains(to, Clock::now())) {
    for (const auto& part : fragments(packet, safe_mtu, next_id_++)) add(way, endpoint, part);
  } else {
    add(way, endpoint, packet);
  }
  flush_later();
}

void RawSender::add(Way& way, const udp::endpoint& to, const Packet& packet) {
  if (way.waiting.add(to, packet)) return;
  flush(way);
  way.waiting.add(to, packet);
}

void RawSender::path_is_narrow(const core::Address& application) { narrow_.add(application, Clock::now()); }

// Answers come in bursts: all of one round of the event loop go out together.
void RawSender::flush_later() {
  if (std::exchange(flush_due_, true)) return;
  asio::post(context_, [this] {
    flush_due_ = false;
    flush(v4_);
    flush(v6_);
  });
}

void RawSender::flush(Way& way) {
  const int socket = way.socket.get();
  way.waiting.flush(socket, [&](const auto& to, auto packet, auto error) { failed(socket, to, packet, error); });
}

void RawSender::failed(int socket, const udp::endpoint& to, core::ByteView packet, error_code error) {
  if (error.value() == EMSGSIZE) {
    error = {};
    for (const auto& part : fragments(Packet(packet.begin(), packet.end()), safe_mtu, next_id_++)) {
      const auto size = static_cast<socklen_t>(to.size());
      if (::sendto(socket, part.data(), part.size(), 0, to.data(), size) < 0) error = io::last_error();
    }
  }
  if (error) log_.debug("a datagram to " + to.address().to_string() + " was lost: " + error.message());
}

}  // namespace tfunnel::client
