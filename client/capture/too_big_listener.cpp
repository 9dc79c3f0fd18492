#include "client/capture/too_big_listener.hpp"

#include <sys/socket.h>

#include <array>
#include <utility>

#include "client/capture/packet.hpp"

namespace tfunnel::client {

namespace {

// Messages in a row before others get their turn in the event loop: strangers may send many.
constexpr int most_errors_in_a_row = 16;
// The quoted packet is cut: its headers are enough.
constexpr std::size_t room = 128;

}  // namespace

TooBigListener::TooBigListener(asio::io_context& context, io::Descriptor socket, Heard heard)
    : socket_(context), heard_(std::move(heard)) {
  if (!socket.is_open()) return;
  socket_.assign(socket.release());
  read_later();
}

void TooBigListener::close() {
  error_code ignored;
  socket_.close(ignored);
}

void TooBigListener::read_later() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
    if (!error) read();
  });
}

void TooBigListener::read() {
  std::array<std::uint8_t, room> message;
  for (int i = 0; i < most_errors_in_a_row; ++i) {
    const auto size = ::recv(socket_.native_handle(), message.data(), message.size(), 0);
    if (size < 0) break;
    if (const auto program = too_big_for({message.data(), static_cast<std::size_t>(size)})) heard_(*program);
  }
  read_later();
}

}  // namespace tfunnel::client
