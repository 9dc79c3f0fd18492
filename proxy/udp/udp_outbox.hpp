// Datagrams on their way out of the far end.
#pragma once

#include <memory>

#include "common/io/datagram_writer.hpp"

namespace tfunnel::proxy {

/// Gathers the datagrams that one flow sends in a row, so that a burst costs few system calls. Shared by all flows:
/// when another flow's turn comes, and before the event loop waits again, all goes out.
class UdpOutbox : public std::enable_shared_from_this<UdpOutbox> {
 public:
  /// Whose datagrams they are.
  class Sender {
   public:
    Sender() = default;
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;
    virtual ~Sender() = default;
    /// A datagram was not sent; see io::DatagramWriter::Failed.
    virtual void on_unsent(udp::socket& socket, const udp::endpoint& to, core::ByteView payload, error_code error) = 0;
  };

  explicit UdpOutbox(asio::io_context& context) : context_(context) {}

  /// `sender` must flush() before `socket` is closed or goes away.
  void add(const std::shared_ptr<Sender>& sender, udp::socket& socket, const udp::endpoint& to, core::ByteView payload);
  void flush();

 private:
  asio::io_context& context_;
  io::DatagramWriter writer_{true};
  std::shared_ptr<Sender> sender_;
  udp::socket* socket_ = nullptr;
  bool flush_due_ = false;
};

}  // namespace tfunnel::proxy
