// UDP by way of an upstream SOCKS5 proxy.
#pragma once

#include <boost/asio/cancellation_signal.hpp>

#include <deque>
#include <memory>
#include <vector>

#include "common/io/deliveries.hpp"
#include "proxy/socks5_client.hpp"
#include "proxy/udp_ends.hpp"

namespace tfunnel::proxy {

/// One flow's association (RFC 1928, 7): a TCP connection that keeps it alive, and a UDP socket towards the relay. It
/// is made with the first datagram and serves all peers. A datagram for this host's own loopback still goes directly.
///
/// If the proxy refuses or ends it, the peers in question are reported as unreachable and the flow is reset; the
/// application's next datagram makes a new flow, and so a new association. Datagrams that wait when the link ends still
/// go out.
class Socks5UdpEnd final : public UdpEnd, public io::Delivery {
 public:
  /// `client` must outlive the io_context's last handler.
  Socks5UdpEnd(const Surroundings& surroundings, Socks5Client& client, core::Mux& mux)
      : UdpEnd(surroundings, mux), Delivery(surroundings.context), client_(client) {}

  void on_fin() override;
  void on_reset(core::Reason reason) override;
  void on_link_end() override;
  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] State delivery() override;
  [[nodiscard]] const core::Mux* link() const override { return &mux_; }

 private:
  struct Association {
    tcp::socket control;
    udp::socket relay;
  };
  struct Waiting {
    core::Endpoint peer;
    std::vector<std::uint8_t> payload;
    core::Charge charge;
  };

  void deliver(const core::Endpoint& peer, core::ByteView payload) override;
  void on_over() override;
  void wait_for_association(const core::Endpoint& peer, core::ByteView payload);
  void associate();
  void associate_in_coroutine();
  void associate_in(const asio::yield_context& yield);
  error_code join(Socks5Client::Dialled dialled);
  void send_to_relay(const core::Endpoint& peer, core::ByteView payload);
  void watch_control();
  void wait_readable();
  void read();
  void close_association();
  /// The association cannot be made, or is gone: tells the peers, and ends the flow.
  void lose(core::Reason reason, std::string_view words = {});

  Socks5Client& client_;
  // Made with the attempt to associate, and kept, for it must outlive that.
  std::unique_ptr<asio::cancellation_signal> attempt_;
  core::Charge attempt_charge_;
  bool dialling_ = false;
  std::deque<Waiting> waiting_;
  std::unique_ptr<Association> association_;
  core::Endpoint last_peer_;
  core::Time sent_at_{};
};

class Socks5Datagrams final : public DatagramEgress {
 public:
  Socks5Datagrams(const UdpEnd::Surroundings& surroundings, Socks5Client& client)
      : around_(surroundings), client_(client) {}

  void serve(core::Mux& mux) override { mux_ = &mux; }
  std::shared_ptr<core::FlowHandler> add(core::Flow& flow) override;

 private:
  UdpEnd::Surroundings around_;
  Socks5Client& client_;
  core::Mux* mux_ = nullptr;
};

}  // namespace tfunnel::proxy
