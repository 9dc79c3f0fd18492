// Assembles the ways out of this machine that the options ask for.
#pragma once

#include <memory>
#include <optional>
#include <set>

#include "proxy/egress/egress_direct.hpp"
#include "proxy/egress/egress_loopback.hpp"
#include "proxy/name_services.hpp"
#include "proxy/proxy_options.hpp"
#include "proxy/socks5/socks5_client.hpp"
#include "proxy/socks5/socks5_datagrams.hpp"
#include "proxy/udp/udp_direct.hpp"
#include "proxy/udp/udp_refused.hpp"
#include "proxy/upstream.hpp"

namespace tfunnel::proxy {

/// Owns the egresses. Without an upstream: direct. Through an HTTP proxy: all but what --no-proxy names, and no UDP.
/// Through a SOCKS5 proxy: all. The far loopback is direct in any case.
class WaysOut {
 public:
  struct Wishes {
    const ProxyOptions& options;
    const Upstream& upstream;
    const Gate& gate;
    DescriptorReserve& reserve;
    SourceBinding* binding;  // null: our own addresses
  };

  /// `wishes.gate`, its reserve and binding, and `log` must outlive this, and this the io_context's last handler.
  WaysOut(asio::io_context& context, const Wishes& wishes, const io::Log& log);

  [[nodiscard]] WayOut way_out();
  /// Traffic goes to another proxy, which has routes of its own.
  [[nodiscard]] bool lead_to_upstream() const { return upstream_ != nullptr; }
  /// As Egress::stop().
  void stop();

 private:
  void go_through_http_proxy(asio::io_context& context, const Upstream& upstream, const io::Log& log);
  void go_through_socks5(asio::io_context& context, const Wishes& wishes, const io::Log& log);

  core::Duration timeout_;
  NoProxy exceptions_;
  UdpBatches batches_;
  DirectEgress to_loopback_;
  DirectEgress direct_;
  std::set<core::Address> taken_;  // that mean this host
  UdpDirect udp_direct_;
  UdpToLoopback udp_to_loopback_;
  UdpRefused udp_refused_;
  std::unique_ptr<Socks5Client> socks5_client_;
  std::unique_ptr<Egress> upstream_;
  std::unique_ptr<Egress> choice_;
  std::optional<Socks5Datagrams> socks5_datagrams_;
  UdpWays datagrams_;
  std::optional<LoopbackEgress> streams_;
  std::optional<LoopbackEgress> by_name_;  // if there is an upstream: to it alone, past the gate
};

}  // namespace tfunnel::proxy
