#include "proxy/socks5/egress_socks5.hpp"

namespace tfunnel::proxy {

namespace {
// A handshake's own coroutine and buffers (measured: 11 KB).
constexpr std::size_t socks5_cost = 12U << 10;
}  // namespace

result<tcp::socket> Socks5Egress::connect(const Target& target, asio::yield_context yield) {
  const auto charge = charge_for(target, socks5_cost);
  if (!charge) return error_code(asio::error::no_buffer_space);
  const auto asked =
      target.name.empty() ? target.destination.text() : target.name + ":" + std::to_string(target.destination.port);
  auto dialled = client_.dial(Socks5Command::connect, {target.destination, target.name}, {"destination", asked}, yield,
                              target.asks_again, target.words);
  if (!dialled) return dialled.error();
  return std::move(dialled->socket);
}

}  // namespace tfunnel::proxy
