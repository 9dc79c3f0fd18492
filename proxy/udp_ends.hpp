// The far sockets of UDP flows.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "common/io/asio.hpp"
#include "common/io/datagram_end.hpp"
#include "common/io/datagram_reader.hpp"
#include "common/io/log.hpp"
#include "proxy/descriptor_reserve.hpp"
#include "proxy/egress.hpp"
#include "proxy/gate.hpp"
#include "proxy/source_binding.hpp"
#include "proxy/udp_outbox.hpp"

namespace tfunnel::proxy {

/// Sends and receives many datagrams at once, for all flows in turn.
struct UdpBatches {
  explicit UdpBatches(asio::io_context& context) : outbox(std::make_shared<UdpOutbox>(context)) {}

  std::shared_ptr<UdpOutbox> outbox;
  io::DatagramReader reader;
};

class UdpEnd;

/// Refuses datagrams to some peers before a flow's sockets see them.
class DatagramDetour {
 public:
  DatagramDetour() = default;
  DatagramDetour(const DatagramDetour&) = delete;
  DatagramDetour& operator=(const DatagramDetour&) = delete;
  virtual ~DatagramDetour() = default;

  /// True if a datagram of `end` to `peer` was taken; false if it is not for this detour.
  virtual bool take(UdpEnd& end, const core::Endpoint& peer) = 0;
};

/// One flow's sockets: one a family, made when first needed, never connected. Every peer sees the
/// same source port and any peer may answer (RFC 4787: endpoint-independent mapping and filtering),
/// which games, STUN and WebRTC need.
class UdpEnd : public io::DatagramEnd, public UdpOutbox::Sender, public std::enable_shared_from_this<UdpEnd> {
 public:
  /// Shared by all flows of a proxy; everything must outlive the io_context's last handler.
  struct Surroundings {
    asio::io_context& context;
    UdpBatches& batches;
    const Gate& gate;  // says which peers are called what, and who may not answer
    const io::Log& log;
    DescriptorReserve& reserve;
    SourceBinding* binding = nullptr;  // if peers are to see the application's own address
    DatagramDetour* detour = nullptr;  // if some peers are served otherwise
  };
  UdpEnd(const Surroundings& surroundings, core::Mux& mux) : DatagramEnd(mux), around_(surroundings) {}

  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override;
  [[nodiscard]] std::string describe() const override;
  /// For detours: `peer` cannot be reached. No effect once the flow is over.
  void refuse(const core::Endpoint& peer, core::Reason reason);

 protected:
  /// A datagram for a peer that is not this host itself; `peer` is the real one.
  virtual void deliver(const core::Endpoint& peer, core::ByteView payload) { send_directly(peer, payload, true); }
  void on_over() override;
  /// A datagram from the real `peer` for the application, if it may have it.
  void received(const core::Endpoint& peer, core::ByteView payload);
  /// The application learns that the real `peer` cannot be reached.
  void undeliverable(const core::Endpoint& peer, core::Reason reason);

  Surroundings around_;

 private:
  void send_directly(const core::Endpoint& peer, core::ByteView payload, bool as_application);
  /// The socket for the peer's family; null, with the error reported, if it cannot be made.
  udp::socket* socket_for(const core::Endpoint& peer, bool as_application);
  void no_socket(const core::Endpoint& peer, error_code error);
  error_code open(udp::socket& socket, udp protocol, bool as_application);
  void wait_readable(udp::socket& socket);
  void read(udp::socket& socket);
  void on_unsent(udp::socket& socket, const udp::endpoint& to, core::ByteView payload, error_code error) override;
  void report_errors(udp::socket& socket);

  // By family; those with the application's address apart, since nothing comes back to them from the loopback.
  std::array<std::optional<udp::socket>, 4> sockets_;
};

/// Makes all of a proxy's UDP flows.
class UdpEnds final : public DatagramEgress {
 public:
  explicit UdpEnds(const UdpEnd::Surroundings& surroundings) : around_(surroundings) {}
  void serve(core::Mux& mux) override { mux_ = &mux; }
  std::shared_ptr<core::FlowHandler> add(core::Flow& flow) override;

 private:
  UdpEnd::Surroundings around_;
  core::Mux* mux_ = nullptr;
};

}  // namespace tfunnel::proxy
