// Captured UDP datagrams become flows, one a source address.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "client/raw_sender.hpp"
#include "common/io/datagram_end.hpp"
#include "common/io/datagram_reader.hpp"
#include "common/io/idle_sweep.hpp"

namespace tfunnel::client {

/// All that one application socket sends and gets, whatever the peers.
class UdpSource final : public io::DatagramEnd {
 public:
  UdpSource(core::Mux& mux, core::Time now, const core::Endpoint& source, RawSender& sender)
      : DatagramEnd(mux, now), source_(source), sender_(sender) {}

  void captured(core::Time now, const core::Endpoint& destination, core::ByteView payload) {
    enqueue(now, destination, payload);
  }
  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override;
  void on_datagram_error(const core::Endpoint& peer, core::Reason reason) override;
  [[nodiscard]] bool ended() const { return over(); }

 private:
  core::Endpoint source_;
  RawSender& sender_;
};

class UdpCapture {
 public:
  /// Throws boost::system::system_error if a port cannot be had. `log` must outlive it.
  UdpCapture(asio::io_context& context, const std::vector<std::uint16_t>& ports, std::uint32_t mark,
             const core::UdpTimeouts& timeouts, const io::Log& log);

  /// `mux` must outlive the io_context's last handler.
  void start(core::Mux& mux);
  void stop();

 private:
  void wait_readable(udp::socket& socket);
  void read(udp::socket& socket);
  void take(core::Time now, const core::Endpoint& source, const core::Endpoint& destination, core::ByteView payload);
  std::shared_ptr<UdpSource> source_for(core::Time now, const core::Endpoint& source);
  [[nodiscard]] bool goes_to_ourselves(const core::Endpoint& destination) const;

  std::vector<std::uint16_t> ports_;
  const io::Log& log_;
  RawSender sender_;
  io::DatagramReader reader_;
  core::Mux* mux_ = nullptr;
  std::vector<udp::socket> sockets_;
  std::unordered_map<core::Endpoint, std::shared_ptr<UdpSource>> sources_;
  io::IdleSweep sweep_;
};

}  // namespace tfunnel::client
