#include "tests/unit/support/first_bytes.hpp"

#include <algorithm>

namespace tfunnel::test {

namespace {

Bytes number(std::size_t value, std::size_t width) {
  Bytes bytes;
  while (width-- > 0) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * width) & 0xff));
  return bytes;
}

/// `bytes` behind their length.
Bytes counted(const Bytes& bytes, std::size_t width) { return number(bytes.size(), width) + bytes; }

Bytes extension(std::size_t type, const Bytes& content) { return number(type, 2) + counted(content, 2); }

}  // namespace

Bytes client_hello(const std::string& name) {
  constexpr std::size_t padding = 21;
  constexpr std::size_t server_name = 0;
  auto extensions = extension(padding, Bytes(10, 0));
  if (!name.empty())
    test::append(extensions, extension(server_name, counted(Bytes{0} + counted(bytes_of(name), 2), 2)));
  test::append(extensions, extension(43, Bytes{2, 3, 4}));
  const auto session = counted(Bytes(32, 7), 1);
  const auto ciphers = counted(Bytes{0x13, 0x01, 0x13, 0x02}, 2);
  const auto body = number(0x0303, 2) + pattern(32) + session + ciphers + counted(Bytes{0}, 1) + counted(extensions, 2);
  return Bytes{1} + counted(body, 3);
}

Bytes tls_records(const Bytes& message, std::size_t size) {
  Bytes records;
  for (std::size_t at = 0; at < message.size(); at += size) {
    const auto count = std::min(size, message.size() - at);
    const auto from = message.begin() + static_cast<std::ptrdiff_t>(at);
    test::append(records, Bytes{22, 3, 1} + counted(Bytes(from, from + static_cast<std::ptrdiff_t>(count)), 2));
  }
  return records;
}

}  // namespace tfunnel::test
