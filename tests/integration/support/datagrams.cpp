#include "tests/integration/support/datagrams.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace tfunnel::test {

Letter receive_letter(Socket& socket) {
  Letter letter;
  letter.payload.resize(70'000);
  const auto size = ::recvfrom(socket.fd(), letter.payload.data(), letter.payload.size(), 0,
                               reinterpret_cast<sockaddr*>(&letter.from), &letter.from_size);
  EXPECT_GE(size, 0) << "no datagram came";
  letter.payload.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return letter;
}

void answer_letter(Socket& socket, const Letter& to, const Bytes& payload) {
  ::sendto(socket.fd(), payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&to.from), to.from_size);
}

}  // namespace tfunnel::test
