// Captured TCP connections become flows.
#pragma once

#include <deque>
#include <string>

#include "client/capture/capture_sockets.hpp"
#include "client/capture/link_choice.hpp"
#include "client/capture/summary.hpp"
#include "common/io/asio.hpp"
#include "common/io/log.hpp"
#include "common/io/spare_memory.hpp"

namespace tfunnel::client {

class TcpCapture {
 public:
  /// Takes the listening sockets. Nothing is accepted before set_mode(): until then connections wait in the kernel's
  /// queue, which bounds them. `log` and `summary` (may be null) must outlive it.
  TcpCapture(asio::io_context& context, CaptureSockets& sockets, ChooseLink choose, LoopTest comes_back,
             const io::Log& log, Summary* summary);

  void set_mode(CaptureMode mode);
  /// Takes the connections that wait, then closes the sockets: later ones are refused.
  void last_call();
  /// See Capture.
  void close();
  [[nodiscard]] bool something_waits();

 private:
  struct Listener {
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    bool waiting = false;
  };

  void accept_later(Listener& listener);
  void accept(Listener& listener);
  void accept_after_pause(Listener& listener, const std::string& why);
  void take_if_possible(const std::shared_ptr<io::Session>& link, tcp::socket socket, const tcp::endpoint& source);
  void take(const std::shared_ptr<io::Session>& link, tcp::socket socket, const tcp::endpoint& source);
  void refused(const core::FlowRequest& request, core::Reason reason = core::Reason::network_unreachable,
               Summary::Link state = Summary::Link::up);
  void open(const std::shared_ptr<io::Session>& link, const core::FlowRequest& request, tcp::socket socket);

  asio::io_context& context_;
  ChooseLink choose_;
  LoopTest comes_back_;
  const io::Log& log_;
  Summary* summary_;
  io::SpareMemory spare_memory_;
  CaptureMode mode_ = CaptureMode::wait;
  bool last_call_ = false;
  std::deque<Listener> listeners_;  // never move: handlers refer to them
  bool exhausted_ = false;          // said so already
};

}  // namespace tfunnel::client
