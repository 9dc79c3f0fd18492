// Who may take a flow at the far end, in the order in which they are asked.
#pragma once

#include "proxy/name_services.hpp"
#include "proxy/proxy_options.hpp"
#include "proxy/udp/udp_flow.hpp"
#include "proxy/ways_out.hpp"

namespace tfunnel::proxy {

/// All that stands between the mux and the sockets. Of TCP each one takes what is its own, and hands the rest on:
///   1. an interceptor sees the bytes, if the program has any;
///   2. so does the learner of names from DNS over TCP;
///   3. the far resolver's addresses;
///   4. virtual addresses, which stand for names;
///   5. the address that means this host's own loopback;
///   6. destinations that are excepted from the upstream proxy: directly;
///   7. the upstream proxy;
///   8. without one: directly.
/// Those that are not wanted are not there. The order of UDP is that of in_order(). Access rules come before all: see
/// GuardedAcceptor and UdpFlows.
class Routes {
 public:
  /// What `wishes` refer to, `interceptors` (null: none) and `log` must outlive this, and this the io_context's last
  /// handler.
  Routes(asio::io_context& context, const WaysOut::Wishes& wishes, InterceptorFactory* interceptors,
         const io::Log& log);

  [[nodiscard]] Egress& streams() { return services_.egress(); }
  [[nodiscard]] UdpFlows& datagrams() { return datagrams_; }
  [[nodiscard]] Namer* namer() { return services_.namer(); }
  [[nodiscard]] VirtualNames* virtual_names() { return services_.virtual_names(); }
  /// See WaysOut.
  [[nodiscard]] bool lead_to_upstream() const { return ways_out_.lead_to_upstream(); }

  /// The program is about to end, and all flows have: cancels all else that waits, from the front to the back.
  void stop() {
    services_.stop();
    ways_out_.stop();
  }

 private:
  WaysOut ways_out_;       // 5 to 8
  NameServices services_;  // 1 to 4
  UdpFlows datagrams_;
};

}  // namespace tfunnel::proxy
