// Capture as a whole: TCP and UDP from the same ports.
#pragma once

#include <algorithm>

#include "client/capture/capture_tcp.hpp"
#include "client/capture/capture_udp.hpp"

namespace tfunnel::client {

class Capture {
 public:
  /// `log` and `summary` (null: nobody wants one) must outlive it. Begins in CaptureMode::wait.
  Capture(asio::io_context& context, CaptureSockets sockets, const ChooseLink& choose, const LocalAddressTest& is_local,
          const io::Log& log, Summary* summary = nullptr)
      : tcp_(context, sockets, choose, loop_test(sockets.ports, is_local), log, summary),
        udp_(context, sockets, choose, loop_test(sockets.ports, is_local), log, summary) {}

  void set_mode(CaptureMode mode) {
    tcp_.set_mode(mode);
    udp_.set_mode(mode);
  }
  /// The end is near: takes what waits, if there is a link for it, and then nothing more.
  void last_call() {
    tcp_.last_call();
    udp_.last_call();
  }
  /// Takes nothing more, and closes its sockets. Their handlers still refer to it until the event loop has run dry.
  void close() {
    tcp_.close();
    udp_.close();
  }
  /// Connections, or datagrams, wait to be taken.
  [[nodiscard]] bool something_waits() { return tcp_.something_waits() || udp_.something_waits(); }

 private:
  static LoopTest loop_test(const std::vector<std::uint16_t>& ports, const LocalAddressTest& is_local) {
    return [ports, is_local](const core::Endpoint& destination) {
      return std::ranges::find(ports, destination.port) != ports.end() && is_local(destination.address);
    };
  }

  TcpCapture tcp_;
  UdpCapture udp_;
};

}  // namespace tfunnel::client
