#include "proxy/udp/udp_sockets.hpp"

#include <boost/asio/ip/v6_only.hpp>

#include "common/io/errors.hpp"
#include "common/io/socket_mark.hpp"
#include "proxy/udp/udp_errors.hpp"

namespace tfunnel::proxy {

namespace {

// Enough for a burst of video; the system may cut it to its own limit.
constexpr int receive_buffer = 1 << 20;
// Datagrams in a row before others get their turn in the event loop.
constexpr std::size_t most_in_a_row = 64;

}  // namespace

error_code UdpSockets::open(udp::socket& socket, udp protocol, bool as_application) {
  error_code error;
  socket.close(error);
  socket.open(protocol, error);
  if (!error && protocol == udp::v6()) socket.set_option(asio::ip::v6_only(true), error);
  if (!error) error = io::SocketMark::of(around_.context).apply(socket.native_handle());
  if (error) return error;
  if (as_application) {
    error = around_.binding->bind(socket.native_handle(), flow_.flow()->request.source);
  } else {
    socket.bind({protocol, 0}, error);
    error = io::any_port_error(error);
  }
  if (!error) socket.non_blocking(true, error);
  return error;
}

udp::socket* UdpSockets::socket_for(const core::Endpoint& peer, bool as_application) {
  const bool v4 = peer.address.is_v4();
  if (around_.binding == nullptr || flow_.flow()->request.source.address.is_v4() != v4) as_application = false;
  auto& socket = sockets_[(v4 ? 0U : 1U) + (as_application ? 2U : 0U)];
  if (socket) return &*socket;
  udp::socket made(around_.context);
  const auto attempt = [&] { return open(made, v4 ? udp::v4() : udp::v6(), as_application); };
  auto error = around_.reserve.make(attempt, flow_.flow());
  if (error) {
    no_socket(peer, error);
    return nullptr;
  }
  made.set_option(asio::socket_base::receive_buffer_size(receive_buffer), error);
  made.set_option(asio::socket_base::broadcast(true), error);
  keep_udp_errors(made);
  around_.batches.reader.keep_prepared();
  io::DatagramReader::prepare(made.native_handle());
  socket = std::move(made);
  flow_.mux().holds_descriptor(*flow_.flow());
  wait_readable(*socket);
  return &*socket;
}

// That the application's port is taken on this host says nothing about the peer.
void UdpSockets::no_socket(const core::Endpoint& peer, error_code error) {
  around_.log.about_flow(io::LogLevel::info, "no socket for a UDP flow: " + error.message(),
                         {{"destination", peer.text()}});
  if (error == asio::error::address_in_use) {
    ++flow_.mux().counters().datagrams_dropped;
  } else {
    flow_.undeliverable(peer, io::reason_of(error));
  }
}

void UdpSockets::send(const core::Endpoint& peer, core::ByteView payload, bool as_application) {
  auto* socket = socket_for(peer, as_application);
  if (socket == nullptr) return;
  around_.batches.outbox->add({flow_.shared_from_this(), this}, *socket, io::to_asio<udp>(peer), payload);
}

void UdpSockets::on_unsent(udp::socket& socket, const udp::endpoint& to, core::ByteView payload, error_code error) {
  if (flow_.over()) return;
  if (!io::is_transient(error)) {
    // An earlier datagram's ICMP error is reported once by the next call, which then sent nothing.
    report_errors(socket);
    socket.send_to(asio::buffer(payload.data(), payload.size()), to, 0, error);
  }
  if (!error) return;
  if (io::is_transient(error)) {
    ++flow_.mux().counters().datagrams_dropped;
  } else {
    flow_.undeliverable(io::from_asio(to), io::reason_of(error));
  }
}

void UdpSockets::wait_readable(udp::socket& socket) {
  socket.async_wait(udp::socket::wait_read, [this, flow = flow_.shared_from_this(), &socket](error_code error) {
    if (!error && !flow->over()) read(socket);
  });
}

void UdpSockets::read(udp::socket& socket) {
  report_errors(socket);
  const auto take = [&](const auto& peer, const auto&, auto payload) { flow_.received(peer, payload); };
  for (std::size_t done = 0; done < most_in_a_row;) {
    const auto count = around_.batches.reader.read(socket.native_handle(), take);
    // Any other error was an ICMP message about an earlier datagram; the queue told already.
    if (!count && io::is_transient(count.error())) break;
    done += count ? *count : 1;
  }
  wait_readable(socket);
}

void UdpSockets::report_errors(udp::socket& socket) {
  for (const auto& error : read_udp_errors(socket)) {
    around_.log.debug("datagram undeliverable", io::LogFlow(flow_.flow()->request, flow_.flow()->id, error.peer),
                      {{"reason", std::string(name(error.reason))}});
    flow_.undeliverable(error.peer, error.reason);
  }
}

void UdpSockets::on_over(bool /*link_ended*/) {
  // The flow's end comes behind its datagrams.
  around_.batches.outbox->flush();
  error_code ignored;
  for (auto& socket : sockets_) {
    if (socket) socket->close(ignored);
  }
}

std::string UdpSockets::describe(std::string words) const {
  for (const auto& socket : sockets_) {
    error_code error;
    if (!socket) continue;
    const auto local = socket->local_endpoint(error);
    if (!error) words += (words.empty() ? "from port " : " and ") + std::to_string(local.port());
  }
  return words;
}

}  // namespace tfunnel::proxy
