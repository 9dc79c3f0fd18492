// The mark that capture rules know our own packets by.
#pragma once

#include <cstdint>

#include "common/io/asio.hpp"

namespace tfunnel::io {

/// The mark of all sockets of an event loop that go out into the network (Linux, socket(7): SO_MARK). Boost.Asio makes
/// it when it is first asked for, and keeps it as long as the loop: so it need not be handed down through all layers.
class SocketMark final : public asio::execution_context::service {
 public:
  using key_type = SocketMark;
  static asio::execution_context::id id;

  explicit SocketMark(asio::execution_context& context) : service(context) {}
  static SocketMark& of(asio::execution_context& context) { return asio::use_service<SocketMark>(context); }

  /// 0, as at first: none.
  void set(std::uint32_t mark) { mark_ = mark; }
  /// Marks the open `socket`, before it is connected or sends.
  [[nodiscard]] error_code apply(int socket) const;

 private:
  void shutdown() override {}

  std::uint32_t mark_ = 0;
};

/// not_supported where systems know no marks.
error_code mark_socket(int socket, std::uint32_t mark);

}  // namespace tfunnel::io
