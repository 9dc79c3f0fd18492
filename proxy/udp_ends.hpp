// The far sockets of UDP flows.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/io/asio.hpp"
#include "common/io/datagram_end.hpp"
#include "common/io/log.hpp"
#include "proxy/egress.hpp"

namespace tfunnel::proxy {

class UdpEnd;

/// Takes datagrams to some peers before a flow's sockets see them: to refuse them, or to carry them another
/// way (DNS over an upstream that takes TCP only) and answer with UdpEnd::reply().
class DatagramDetour {
 public:
  DatagramDetour() = default;
  DatagramDetour(const DatagramDetour&) = delete;
  DatagramDetour& operator=(const DatagramDetour&) = delete;
  virtual ~DatagramDetour() = default;

  /// True if the datagram was taken; false if it is not for this detour. `payload` is void after the call.
  virtual bool take(const std::shared_ptr<UdpEnd>& end, const core::Endpoint& peer, core::ByteView payload) = 0;
};

/// One flow's sockets: one a family, made when first needed, never connected. Every peer sees the
/// same source port and any peer may answer (RFC 4787: endpoint-independent mapping and filtering),
/// which games, STUN and WebRTC need.
class UdpEnd final : public io::DatagramEnd, public std::enable_shared_from_this<UdpEnd> {
 public:
  /// `detours` must outlive this.
  UdpEnd(asio::io_context& context, core::Mux& mux, core::Time now, const std::vector<DatagramDetour*>& detours,
         const io::Log& log);

  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override;
  [[nodiscard]] std::string describe() const override;
  /// For detours: `peer` answers, or cannot be reached. No effect once the flow is over.
  void reply(const core::Endpoint& peer, core::ByteView payload);
  void refuse(const core::Endpoint& peer, core::Reason reason);

 private:
  void on_over() override;
  /// The socket for the peer's family; null, with the error reported, if it cannot be made.
  udp::socket* socket_for(const core::Endpoint& peer);
  void wait_readable(udp::socket& socket);
  void read(udp::socket& socket);
  error_code send(udp::socket& socket, const core::Endpoint& peer, core::ByteView payload);
  void report_errors(udp::socket& socket);

  asio::io_context& context_;
  const std::vector<DatagramDetour*>& detours_;
  const io::Log& log_;
  std::optional<udp::socket> v4_;
  std::optional<udp::socket> v6_;
};

/// All of a proxy's UDP flows: makes them, and ends them when they fall silent.
class UdpEnds final : public DatagramEgress {
 public:
  UdpEnds(asio::io_context& context, const core::UdpTimeouts& timeouts, const io::Log& log);

  /// Asked about each datagram, in the order of the calls; the first that takes it has it. Before the first flow;
  /// `detour` must outlive this.
  void add_detour(DatagramDetour& detour) { detours_.push_back(&detour); }
  void serve(core::Mux& mux) override { mux_ = &mux; }
  std::shared_ptr<core::FlowHandler> add(core::Flow& flow) override;

 private:
  void sweep_later();

  asio::io_context& context_;
  core::UdpTimeouts timeouts_;
  const io::Log& log_;
  core::Mux* mux_ = nullptr;
  asio::steady_timer timer_;
  std::vector<DatagramDetour*> detours_;
  std::vector<std::shared_ptr<UdpEnd>> ends_;
};

}  // namespace tfunnel::proxy
