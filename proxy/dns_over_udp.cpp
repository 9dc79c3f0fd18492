#include "proxy/dns_over_udp.hpp"

#include <memory>
#include <random>

#include "common/io/errors.hpp"

namespace tfunnel::proxy {

namespace {

std::uint16_t random_id() {
  std::random_device device;
  return static_cast<std::uint16_t>(std::uniform_int_distribution<unsigned>(0, 0xffff)(device));
}

/// What has come; the room for the largest answer is not held while it is waited for.
result<dns::Message> receive(udp::socket& socket) {
  dns::Message buffer(dns::max_message);
  error_code error;
  buffer.resize(socket.receive(asio::buffer(buffer), 0, error));
  if (error) return error;
  buffer.shrink_to_fit();
  return buffer;
}

/// What does not answer is dropped, and the wait goes on: to the deadline, even if there is always something to drop.
result<dns::Message> receive_answer(udp::socket& socket, core::ByteView query, const Deadline& deadline,
                                    const asio::yield_context& yield) {
  while (!deadline.expired()) {
    error_code error;
    socket.async_wait(udp::socket::wait_read, yield[error]);
    if (error) return error;
    auto answer = receive(socket);
    if (!answer && io::is_transient(answer.error())) continue;
    if (!answer || dns::answers(*answer, query)) return answer;
  }
  return error_code(asio::error::timed_out);
}

}  // namespace

result<dns::Message> ask_over_udp(asio::io_context& context, const core::Endpoint& server, core::ByteView query,
                                  core::Duration timeout, asio::yield_context yield) {
  error_code error;
  const auto endpoint = io::to_asio<udp>(server);
  // Shared with the deadline, which may fire after this function has returned.
  const auto socket = std::make_shared<udp::socket>(context);
  socket->open(endpoint.protocol(), error);
  if (!error) socket->connect(endpoint, error);
  if (!error) socket->non_blocking(true, error);
  if (error) return io::any_port_error(error);
  dns::Message ours(query.begin(), query.end());
  dns::set_id(ours, random_id());
  Deadline deadline(context, timeout, [socket] { socket->cancel(); });
  socket->async_send(asio::buffer(ours), yield[error]);
  if (error) return error;
  auto answer = receive_answer(*socket, ours, deadline, yield);
  if (deadline.expired()) return error_code(asio::error::timed_out);
  if (answer) dns::set_id(*answer, dns::id_of(query));
  return answer;
}

}  // namespace tfunnel::proxy
