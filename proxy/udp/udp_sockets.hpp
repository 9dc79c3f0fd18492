// The far sockets of a UDP flow.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "common/io/asio.hpp"
#include "common/io/datagram_reader.hpp"
#include "common/io/log.hpp"
#include "proxy/egress/source_binding.hpp"
#include "proxy/io/descriptor_reserve.hpp"
#include "proxy/udp/udp_flow.hpp"
#include "proxy/udp/udp_outbox.hpp"

namespace tfunnel::proxy {

/// Sends and receives many datagrams at once, for all flows in turn.
struct UdpBatches {
  explicit UdpBatches(asio::io_context& context) : outbox(std::make_shared<UdpOutbox>(context)) {}

  std::shared_ptr<UdpOutbox> outbox;
  io::DatagramReader reader;
};

/// One flow's sockets: one a family, made when first needed, never connected. Every peer sees the
/// same source port and any peer may answer (RFC 4787: endpoint-independent mapping and filtering),
/// which games, STUN and WebRTC need.
class UdpSockets final : public UdpPart, public UdpOutbox::Sender {
 public:
  /// Shared by all flows of a proxy; everything must outlive the io_context's last handler, and so must this.
  struct Surroundings {
    asio::io_context& context;
    UdpBatches& batches;
    const io::Log& log;
    DescriptorReserve& reserve;
    SourceBinding* binding = nullptr;  // if peers are to see the application's own address
  };
  UdpSockets(UdpFlow& flow, const Surroundings& surroundings) : flow_(flow), around_(surroundings) {}

  /// To the real `peer`, which sees the application's own address if that is wanted (`as_application`) and possible.
  /// REQUIRES: the flow is not over.
  void send(const core::Endpoint& peer, core::ByteView payload, bool as_application);

  void on_over(bool link_ended) override;
  [[nodiscard]] std::string describe(std::string words) const override;

 private:
  /// The socket for the peer's family; null, with the error reported, if it cannot be made.
  udp::socket* socket_for(const core::Endpoint& peer, bool as_application);
  void no_socket(const core::Endpoint& peer, error_code error);
  error_code open(udp::socket& socket, udp protocol, bool as_application);
  void wait_readable(udp::socket& socket);
  void read(udp::socket& socket);
  void on_unsent(udp::socket& socket, const udp::endpoint& to, core::ByteView payload, error_code error) override;
  void report_errors(udp::socket& socket);

  UdpFlow& flow_;
  const Surroundings& around_;
  // By family; those with the application's address apart, since nothing comes back to them from the loopback.
  std::array<std::optional<udp::socket>, 4> sockets_;
};

}  // namespace tfunnel::proxy
