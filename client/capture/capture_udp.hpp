// Captured UDP datagrams become flows, one a source address.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "client/capture/capture_sockets.hpp"
#include "client/capture/link_choice.hpp"
#include "client/capture/raw_sender.hpp"
#include "client/capture/routed_networks.hpp"
#include "client/capture/summary.hpp"
#include "client/capture/too_big_listener.hpp"
#include "common/io/datagram_end.hpp"
#include "common/io/datagram_reader.hpp"

namespace tfunnel::client {

class UdpSource;

/// By their addresses. Their flows own them; each leaves when it is over.
using UdpSources = std::unordered_map<core::Endpoint, UdpSource*>;

/// All that one application socket sends and gets, whatever the peers.
class UdpSource final : public io::DatagramEnd {
 public:
  /// `sources`, where it stands from now on, `sender` and `summary` (may be null) must outlive its flow.
  UdpSource(std::shared_ptr<io::Session> link, const core::Endpoint& source, UdpSources& sources, RawSender& sender,
            Summary* summary);

  void captured(core::Time now, const core::Endpoint& destination, core::ByteView payload) {
    if (summary_ != nullptr) summary_->datagram_sent(destination, payload.size());
    enqueue(now, destination, payload);
  }
  /// Its far end has no route to `address`.
  [[nodiscard]] bool excludes(const core::Address& address) const { return !is_routed(link_->reach(), address); }
  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override;
  void on_datagram_error(const core::Endpoint& peer, core::Reason reason) override;

 private:
  void on_over() override { sources_.erase(source_); }

  std::shared_ptr<io::Session> link_;  // which the base refers to, but no more when the flow is over
  core::Endpoint source_;
  UdpSources& sources_;
  RawSender& sender_;
  Summary* summary_;
};

class UdpCapture {
 public:
  /// Takes the UDP and raw sockets. `log` and `summary` (may be null) must outlive it.
  UdpCapture(asio::io_context& context, CaptureSockets& sockets, ChooseLink choose, LoopTest comes_back,
             const io::Log& log, Summary* summary);

  void set_mode(CaptureMode mode);
  /// Reads the datagrams that wait, and then no more.
  void last_call();
  /// See Capture.
  void close();
  [[nodiscard]] bool something_waits();

 private:
  struct Receiver {
    udp::socket socket;
    bool waiting = false;
  };

  void read_later(Receiver& receiver);
  void read(Receiver& receiver);
  void take(core::Time now, const core::Endpoint& source, const core::Endpoint& destination, core::ByteView payload);
  void refuse(const core::Endpoint& source, const core::Endpoint& destination, Summary::Link state);
  UdpSource* source_for(core::Time now, const core::Endpoint& source);

  ChooseLink choose_;
  LoopTest comes_back_;
  const io::Log& log_;
  Summary* summary_;
  RawSender sender_;
  TooBigListener too_big_;
  io::DatagramReader reader_;
  CaptureMode mode_ = CaptureMode::wait;
  bool last_call_ = false;
  std::deque<Receiver> receivers_;  // never move: handlers refer to them
  UdpSources sources_;
};

}  // namespace tfunnel::client
