// POSIX reads one datagram a call, and does not tell where it was sent to.
#include <sys/socket.h>

#include "common/io/datagram_reader.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::io {

DatagramReader::DatagramReader() : room_(core::max_datagram_payload + 1) {}

void DatagramReader::prepare(int /*socket*/) {}

void DatagramReader::keep_prepared() {}

result<std::size_t> DatagramReader::read(int socket, const Take& take) {
  udp::endpoint from;
  auto length = static_cast<socklen_t>(from.capacity());
  const auto size = ::recvfrom(socket, room_.data(), room_.size(), MSG_DONTWAIT, from.data(), &length);
  if (size < 0) return last_error();
  from.resize(length);
  take(from_asio(from), std::nullopt, core::ByteView(room_).first(static_cast<std::size_t>(size)));
  return 1;
}

}  // namespace tfunnel::io
