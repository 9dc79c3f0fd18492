#include "proxy/local_pair.hpp"

#include "common/io/socket_options.hpp"

namespace tfunnel::proxy {

namespace {

/// The connection that `connector` made to `acceptor`; the kernel has it already, whatever others came before it.
result<tcp::socket> accept_from(tcp::acceptor& acceptor, const tcp::socket& connector, asio::io_context& context) {
  error_code error;
  const auto own = connector.local_endpoint(error);
  for (;;) {
    tcp::socket accepted(context);
    tcp::endpoint peer;
    if (!error) acceptor.accept(accepted, peer, error);
    if (error) return error;
    if (peer == own) return accepted;
  }
}

}  // namespace

result<std::pair<tcp::socket, tcp::socket>> local_pair(asio::io_context& context) {
  error_code error;
  const tcp::endpoint any_port(asio::ip::address_v4::loopback(), 0);
  tcp::acceptor acceptor(context);
  tcp::socket connector(context);
  acceptor.open(any_port.protocol(), error);
  if (!error) acceptor.bind(any_port, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return error;
  const auto door = acceptor.local_endpoint(error);
  if (!error) connector.connect(door, error);
  if (error) return error;
  auto accepted = accept_from(acceptor, connector, context);
  if (!accepted) return accepted.error();
  io::prepare(connector);
  io::prepare(*accepted);
  return std::make_pair(std::move(connector), std::move(*accepted));
}

}  // namespace tfunnel::proxy
