#include "proxy/udp_ends.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/v6_only.hpp>

#include "common/io/errors.hpp"
#include "proxy/udp_errors.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;

// Enough for a burst of video; the system may cut it to its own limit.
constexpr int receive_buffer = 1 << 20;
// Datagrams in a row before others get their turn in the event loop.
constexpr int most_in_a_row = 64;

}  // namespace

UdpEnd::UdpEnd(asio::io_context& context, core::Mux& mux, core::Time now, const std::vector<DatagramDetour*>& detours,
               const io::Log& log)
    : DatagramEnd(mux, now), context_(context), detours_(detours), log_(log) {}

void UdpEnd::reply(const core::Endpoint& peer, core::ByteView payload) {
  if (!over()) enqueue(Clock::now(), peer, payload);
}

void UdpEnd::refuse(const core::Endpoint& peer, core::Reason reason) {
  if (over()) return;
  ++mux_.counters().datagrams_refused;
  mux_.datagram_error(*flow_, peer, reason);
}

udp::socket* UdpEnd::socket_for(const core::Endpoint& peer) {
  const auto protocol = peer.address.is_v4() ? udp::v4() : udp::v6();
  auto& socket = peer.address.is_v4() ? v4_ : v6_;
  if (socket) return &*socket;
  error_code error;
  udp::socket made(context_);
  made.open(protocol, error);
  if (!error && protocol == udp::v6()) made.set_option(asio::ip::v6_only(true), error);
  if (!error) made.bind({protocol, 0}, error);
  if (!error) made.non_blocking(true, error);
  if (error) {
    log_.info("no socket for a UDP flow: " + error.message(), {{"peer", peer.text()}});
    mux_.datagram_error(*flow_, peer, io::reason_of(error));
    return nullptr;
  }
  made.set_option(asio::socket_base::receive_buffer_size(receive_buffer), error);
  made.set_option(asio::socket_base::broadcast(true), error);
  keep_udp_errors(made);
  socket = std::move(made);
  wait_readable(*socket);
  return &*socket;
}

void UdpEnd::on_datagram(const core::Endpoint& peer, core::ByteView payload) {
  if (over()) return;
  heard(Clock::now());
  const auto self = shared_from_this();
  if (std::ranges::any_of(detours_, [&](auto* detour) { return detour->take(self, peer, payload); })) return;
  auto* socket = socket_for(peer);
  if (socket == nullptr) return;
  auto error = send(*socket, peer, payload);
  if (error && !io::is_transient(error)) {
    // An earlier datagram's ICMP error is reported once by the next call, which then sent nothing.
    report_errors(*socket);
    error = send(*socket, peer, payload);
  }
  if (!error) return;
  if (io::is_transient(error)) {
    ++mux_.counters().datagrams_dropped;
  } else {
    mux_.datagram_error(*flow_, peer, io::reason_of(error));
  }
}

error_code UdpEnd::send(udp::socket& socket, const core::Endpoint& peer, core::ByteView payload) {
  error_code error;
  socket.send_to(asio::buffer(payload.data(), payload.size()), io::to_asio<udp>(peer), 0, error);
  return error;
}

void UdpEnd::wait_readable(udp::socket& socket) {
  socket.async_wait(udp::socket::wait_read, [self = shared_from_this(), &socket](error_code error) {
    if (!error && !self->over()) self->read(socket);
  });
}

void UdpEnd::read(udp::socket& socket) {
  report_errors(socket);
  std::array<std::uint8_t, core::max_datagram_payload + 1> buffer;
  for (int i = 0; i < most_in_a_row; ++i) {
    udp::endpoint peer;
    error_code error;
    const auto size = socket.receive_from(asio::buffer(buffer), peer, 0, error);
    if (io::is_transient(error)) break;
    // Any other error was an ICMP message about an earlier datagram; the queue told already.
    if (error) continue;
    enqueue(Clock::now(), io::from_asio(peer), core::ByteView(buffer).first(size));
  }
  wait_readable(socket);
}

void UdpEnd::report_errors(udp::socket& socket) {
  for (const auto& error : read_udp_errors(socket)) {
    log_.debug("datagram undeliverable", {{"peer", error.peer.text()}, {"reason", std::string(name(error.reason))}});
    mux_.datagram_error(*flow_, error.peer, error.reason);
  }
}

void UdpEnd::on_over() {
  error_code ignored;
  if (v4_) v4_->close(ignored);
  if (v6_) v6_->close(ignored);
}

std::string UdpEnd::describe() const {
  std::string words;
  for (const auto* socket : {&v4_, &v6_}) {
    error_code error;
    if (!*socket) continue;
    const auto local = (*socket)->local_endpoint(error);
    if (!error) words += (words.empty() ? "from port " : " and ") + std::to_string(local.port());
  }
  return words;
}

UdpEnds::UdpEnds(asio::io_context& context, const core::UdpTimeouts& timeouts, const io::Log& log)
    : context_(context), timeouts_(timeouts), log_(log), timer_(context) {}

std::shared_ptr<core::FlowHandler> UdpEnds::add(core::Flow& flow) {
  auto end = std::make_shared<UdpEnd>(context_, *mux_, Clock::now(), detours_, log_);
  end->bind(flow);
  ends_.push_back(end);
  if (ends_.size() == 1) sweep_later();
  return end;
}

// The timer runs only while there are flows, so an idle proxy sleeps.
void UdpEnds::sweep_later() {
  const auto shortest = std::min(timeouts_.unreplied, timeouts_.stream);
  timer_.expires_after(
      std::clamp<core::Duration>(shortest / 4, std::chrono::milliseconds(100), std::chrono::seconds(5)));
  timer_.async_wait([this](error_code error) {
    if (error) return;
    const auto now = Clock::now();
    std::erase_if(ends_, [&](const auto& end) { return end->expire(now, timeouts_); });
    if (!ends_.empty()) sweep_later();
  });
}

}  // namespace tfunnel::proxy
