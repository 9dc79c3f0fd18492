// The far sockets of UDP flows.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/io/asio.hpp"
#include "common/io/datagram_end.hpp"
#include "common/io/datagram_reader.hpp"
#include "common/io/log.hpp"
#include "proxy/egress.hpp"
#include "proxy/udp_outbox.hpp"

namespace tfunnel::proxy {

/// One flow's sockets: one a family, made when first needed, never connected. Every peer sees the
/// same source port and any peer may answer (RFC 4787: endpoint-independent mapping and filtering),
/// which games, STUN and WebRTC need.
class UdpEnd final : public io::DatagramEnd, public UdpOutbox::Sender, public std::enable_shared_from_this<UdpEnd> {
 public:
  /// What all flows share.
  struct Shared {
    std::shared_ptr<UdpOutbox> outbox;
    io::DatagramReader reader;
  };

  /// `shared` and `log` must outlive it.
  UdpEnd(asio::io_context& context, core::Mux& mux, core::Time now, Shared& shared, const io::Log& log);

  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override;
  [[nodiscard]] std::string describe() const override;

 private:
  void on_over() override;
  /// The socket for the peer's family; null, with the error reported, if it cannot be made.
  udp::socket* socket_for(const core::Endpoint& peer);
  void wait_readable(udp::socket& socket);
  void read(udp::socket& socket);
  void on_unsent(udp::socket& socket, const udp::endpoint& to, core::ByteView payload, error_code error) override;
  void report_errors(udp::socket& socket);

  asio::io_context& context_;
  Shared& shared_;
  const io::Log& log_;
  std::optional<udp::socket> v4_;
  std::optional<udp::socket> v6_;
};

/// All of a proxy's UDP flows: makes them, and ends them when they fall silent.
class UdpEnds final : public DatagramEgress {
 public:
  UdpEnds(asio::io_context& context, const core::UdpTimeouts& timeouts, const io::Log& log);

  void serve(core::Mux& mux) override { mux_ = &mux; }
  std::shared_ptr<core::FlowHandler> add(core::Flow& flow) override;

 private:
  void sweep_later();

  asio::io_context& context_;
  core::UdpTimeouts timeouts_;
  const io::Log& log_;
  core::Mux* mux_ = nullptr;
  asio::steady_timer timer_;
  UdpEnd::Shared shared_;
  std::vector<std::shared_ptr<UdpEnd>> ends_;
};

}  // namespace tfunnel::proxy
