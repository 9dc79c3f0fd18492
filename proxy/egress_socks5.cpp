#include "proxy/egress_socks5.hpp"

namespace tfunnel::proxy {

result<tcp::socket> Socks5Egress::connect(const Target& target, asio::yield_context yield) {
  const auto flow = "tcp " + target.source.text() + " -> " + target.destination.text();
  auto dialled = client_.dial(Socks5Command::connect, {target.destination, target.name}, flow, yield);
  if (!dialled) return dialled.error();
  return std::move(dialled->socket);
}

}  // namespace tfunnel::proxy
