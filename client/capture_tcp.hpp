// Captured TCP connections become flows.
#pragma once

#include <vector>

#include "common/core/mux.hpp"
#include "common/io/asio.hpp"
#include "common/io/data_path.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// Listens on each port in both families. Nothing is accepted before start(): until the far end has
/// greeted, connections wait in the kernel's queue, which bounds them.
class TcpCapture {
 public:
  /// Throws boost::system::system_error if a port cannot be had. `log` must outlive it.
  TcpCapture(asio::io_context& context, const std::vector<std::uint16_t>& ports, std::uint32_t mark,
             const io::Log& log);

  /// `mux` and `path` (null: copy) must outlive the io_context's last handler.
  void start(core::Mux& mux, io::DataPath* path);
  void stop();

 private:
  struct Listener {
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  void accept_later(Listener& listener);
  void accept(Listener& listener);
  void accept_after_pause(Listener& listener, const std::string& why);
  void add(tcp::socket socket, const tcp::endpoint& source);
  [[nodiscard]] bool is_own_port(std::uint16_t port) const;

  asio::io_context& context_;
  std::vector<std::uint16_t> ports_;
  const io::Log& log_;
  core::Mux* mux_ = nullptr;
  io::DataPath* path_ = nullptr;
  std::vector<Listener> listeners_;
  bool exhausted_ = false;  // said so already
};

}  // namespace tfunnel::client
