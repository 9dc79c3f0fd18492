// Assembles the ways out of this machine that the options ask for.
#pragma once

#include <memory>

#include "proxy/egress_direct.hpp"
#include "proxy/http_proxy_options.hpp"
#include "proxy/proxy_app.hpp"
#include "proxy/udp_ends.hpp"
#include "proxy/udp_refused.hpp"

namespace tfunnel::proxy {

/// Owns the egresses. Without upstream: direct. With one: through it, but for --no-proxy; UDP, which cannot pass
/// it, is refused.
class WaysOut {
 public:
  /// `log` must outlive this, and this the io_context's last handler. Throws app::UsageError.
  WaysOut(asio::io_context& context, const app::CommonOptions& common, const ProxyOptions& options,
          const HttpProxySettings& upstream, const io::Log& log);

  [[nodiscard]] Egress& streams() { return upstream_ ? *choice_ : direct_; }
  [[nodiscard]] DatagramEgress& datagrams() { return datagrams_; }

 private:
  NoProxy exceptions_;
  DirectEgress direct_;
  std::unique_ptr<Egress> upstream_;
  std::unique_ptr<Egress> choice_;
  UdpRefused refused_;
  UdpEnds datagrams_;
};

}  // namespace tfunnel::proxy
