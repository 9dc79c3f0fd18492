// UDP by way of an upstream SOCKS5 proxy.
#pragma once

#include <boost/asio/cancellation_signal.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "common/io/deliveries.hpp"
#include "common/io/log.hpp"
#include "proxy/io/descriptor_reserve.hpp"
#include "proxy/socks5/socks5_client.hpp"
#include "proxy/udp/udp_flow.hpp"

namespace tfunnel::proxy {

/// One flow's association (RFC 1928, 7): a TCP connection that keeps it alive, and a UDP socket towards the relay. It
/// is made with the first datagram and serves all peers.
///
/// If the proxy refuses or ends it, the peers in question are reported as unreachable and the flow is reset; the
/// application's next datagram makes a new flow, and so a new association. Datagrams that wait when the link ends still
/// go out.
class Socks5Association final : public UdpPart, public io::Delivery {
 public:
  /// Shared by all flows of a proxy; everything must outlive the io_context's last handler, and so must this.
  struct Surroundings {
    asio::io_context& context;
    Socks5Client& client;
    const io::Log& log;
    DescriptorReserve& reserve;
  };
  Socks5Association(UdpFlow& flow, const Surroundings& surroundings)
      : Delivery(surroundings.context), flow_(flow), around_(surroundings) {}

  /// REQUIRES: the flow is not over.
  void send(const core::Endpoint& peer, core::ByteView payload);

  void on_over(bool link_ended) override;
  [[nodiscard]] std::string describe(std::string words) const override;
  [[nodiscard]] State delivery() override;
  [[nodiscard]] const core::Mux* link() const override { return &flow_.mux(); }
  void let_go() override;

 private:
  struct Connected {
    tcp::socket control;
    udp::socket relay;
  };
  struct Waiting {
    core::Endpoint peer;
    std::vector<std::uint8_t> payload;
    core::Charge charge;
  };

  void wait_for_association(const core::Endpoint& peer, core::ByteView payload);
  void associate();
  void associate_in_coroutine();
  void associate_in(const asio::yield_context& yield);
  result<Socks5Client::Dialled> dial(std::string& words, const asio::yield_context& yield);
  error_code join(Socks5Client::Dialled dialled);
  void send_to_relay(const core::Endpoint& peer, core::ByteView payload);
  void watch_control();
  void wait_readable();
  void read();
  void close();
  /// The association cannot be made, or is gone: tells the peers, and ends the flow.
  void lose(core::Reason reason, std::string_view words = {});

  UdpFlow& flow_;
  const Surroundings& around_;
  // Made with the attempt to associate, and kept, for it must outlive that.
  std::unique_ptr<asio::cancellation_signal> attempt_;
  core::Charge attempt_charge_;
  bool dialling_ = false;
  std::deque<Waiting> waiting_;
  std::unique_ptr<Connected> connected_;
  std::optional<asio::steady_timer> closing_;  // until then the relay may read
  core::Endpoint last_peer_;
  core::Time sent_at_{};
};

/// Takes whatever comes.
class Socks5Datagrams final : public UdpWay {
 public:
  explicit Socks5Datagrams(const Socks5Association::Surroundings& surroundings) : around_(surroundings) {}

  bool take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) override {
    part_of<Socks5Association>(flow, *this, around_).send(peer, payload);
    return true;
  }

 private:
  Socks5Association::Surroundings around_;
};

}  // namespace tfunnel::proxy
