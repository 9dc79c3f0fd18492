// By way of an upstream SOCKS5 proxy.
#pragma once

#include "proxy/egress/egress.hpp"
#include "proxy/socks5/socks5_client.hpp"

namespace tfunnel::proxy {

/// CONNECT (RFC 1928, 4). The proxy is told the name if there is one, so that its own rules for names hold; else the
/// address. The result is the bare TCP connection, whose payload the kernel can move.
class Socks5Egress final : public Egress {
 public:
  /// `client` must outlive the io_context's last handler.
  explicit Socks5Egress(Socks5Client& client) : client_(client) {}

  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;
  [[nodiscard]] bool wants_name(const Target& /*target*/) const override { return true; }
  void stop() override { client_.stop(); }

 private:
  Socks5Client& client_;
};

}  // namespace tfunnel::proxy
