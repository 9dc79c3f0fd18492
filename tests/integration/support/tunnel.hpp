// A whole tunnel in this process: both sessions on one event loop, joined by a socketpair or two pipes.
// In place of TPROXY stands a listener that is told beforehand where each connection wants to go.
#pragma once

#include <array>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <thread>

#include "common/io/datagram_end.hpp"
#include "common/io/session.hpp"
#include "proxy/access/access_options.hpp"
#include "proxy/access/guarded_acceptor.hpp"
#include "proxy/dialer.hpp"
#include "proxy/egress/egress_direct.hpp"
#include "proxy/egress/egress_loopback.hpp"
#include "proxy/name_services.hpp"
#include "proxy/socks5/egress_socks5.hpp"
#include "proxy/socks5/socks5_datagrams.hpp"
#include "proxy/udp/udp_direct.hpp"
#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {

/// The link that joins the two ends, and whether payload is moved by the kernel where it can or always copied.
struct LinkKind {
  enum class Join { socketpair, pipes } join;
  io::DataPathMode data_path;
  const char* name;
};
inline void PrintTo(const LinkKind& kind, std::ostream* out) { *out << kind.name; }

constexpr LinkKind over_socketpair{LinkKind::Join::socketpair, io::DataPathMode::automatic, "Socketpair"};
constexpr LinkKind over_pipes{LinkKind::Join::pipes, io::DataPathMode::automatic, "Pipes"};
constexpr std::array<LinkKind, 4> all_links{over_socketpair,
                                            over_pipes,
                                            {LinkKind::Join::socketpair, io::DataPathMode::copy, "CopyingSocketpair"},
                                            {LinkKind::Join::pipes, io::DataPathMode::copy, "CopyingPipes"}};

/// A UDP application behind the client.
class UdpApplication final : public io::DatagramEnd {
 public:
  using DatagramEnd::DatagramEnd;

  void send(const core::Endpoint& peer, const Bytes& payload) {
    enqueue(std::chrono::steady_clock::now(), peer, payload);
  }
  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override;
  void on_datagram_error(const core::Endpoint& peer, core::Reason reason) override;
  [[nodiscard]] bool ended() const { return over(); }

  std::vector<std::pair<core::Endpoint, Bytes>> datagrams;
  std::vector<std::pair<core::Endpoint, core::Reason>> errors;
};

/// Loopback destinations are what these tests have.
proxy::AccessOptions allow_loopback();

class Tunnel {
 public:
  struct Terms {
    std::size_t buffer_size = 128U << 20;
    core::UdpTimeouts udp_timeouts = {};
    core::Duration connect_timeout = std::chrono::seconds(10);
    proxy::NameOptions names = {};
    /// Not null: flows leave through this upstream instead of directly.
    proxy::Egress* upstream = nullptr;
    proxy::UdpWay* upstream_datagrams = nullptr;
    bool carries_datagrams = true;
    proxy::InterceptorFactory* interceptors = nullptr;
    proxy::AccessOptions access = allow_loopback();
    std::optional<proxy::Socks5Proxy> socks5 = {};
    /// By which the SOCKS5 proxy's name is looked up; null: this host's own look-ups.
    std::function<std::shared_ptr<proxy::HostDialler>(asio::io_context&)> dialler = {};
    /// The same as `upstream`, made and owned by the tunnel.
    std::function<std::unique_ptr<proxy::Egress>(asio::io_context&, const io::Log&)> egress = {};
    std::function<std::unique_ptr<proxy::UdpWay>(const io::Log&)> refusal = {};
    io::LogLevel log_level = io::LogLevel::error;
  };

  explicit Tunnel(const LinkKind& kind) : Tunnel(kind, Terms()) {}
  Tunnel(const LinkKind& kind, const Terms& terms);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  /// An application's connection to `destination`, captured by the client.
  Socket connect(const core::Endpoint& destination);
  std::shared_ptr<UdpApplication> udp_application();
  [[nodiscard]] asio::io_context& context() { return context_; }

  /// Runs `work` in the event loop and waits for its result.
  template <class Work>
  auto call(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    asio::post(context_, [&task] { task(); });
    return result.get();
  }

  core::Counters client_counters();
  core::Counters proxy_counters();
  std::size_t client_flows();
  std::size_t proxy_flows();
  /// The proxy says GoAway; returns how both ended, the client first.
  std::array<io::ExitStatus, 2> shut_down();
  /// Ends it as the programs end: the link first, then all that still waits is cancelled. True if nothing is left in
  /// the event loop then that would have to be waited for. Nothing else may be called afterwards.
  bool runs_dry();

 private:
  void let_go();
  proxy::Egress& chosen(const Terms& terms);
  proxy::UdpWays datagrams(const Terms& terms);
  proxy::WayOut way_out(const Terms& terms);
  void accept();
  void add(tcp::socket socket);

  io::Log log_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::array<Socket, 4> link_;
  io::Channel client_channel_;
  io::Channel proxy_channel_;
  proxy::Gate gate_;
  proxy::UdpBatches batches_;
  proxy::DescriptorReserve reserve_;
  std::unique_ptr<proxy::Egress> own_upstream_;
  proxy::Egress* given_upstream_;
  std::unique_ptr<proxy::UdpWay> udp_refusal_;
  proxy::DirectEgress direct_;
  proxy::Socks5Client socks5_client_;
  proxy::Socks5Egress socks5_;
  proxy::LoopbackEgress egress_;
  std::optional<proxy::UdpDirect> udp_direct_;
  std::optional<proxy::UdpToLoopback> udp_to_loopback_;
  std::optional<proxy::Socks5Datagrams> socks5_datagrams_;
  std::optional<proxy::NameServices> services_;
  std::optional<proxy::UdpFlows> datagrams_;
  std::optional<proxy::Dialer> dialer_;
  proxy::GuardedAcceptor acceptor_;
  std::unique_ptr<io::Session> client_;
  std::unique_ptr<io::Session> proxy_;
  tcp::acceptor door_;
  std::map<std::uint16_t, core::Endpoint> destinations_;  // by the application's port
  std::array<std::promise<io::ExitStatus>, 2> ended_;
  std::promise<void> ready_;
  std::thread thread_;
  bool shut_down_ = false;
  bool ran_dry_ = false;
};

}  // namespace tfunnel::test
