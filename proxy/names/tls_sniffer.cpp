#include "proxy/names/tls_sniffer.hpp"

namespace tfunnel::core {

namespace {

constexpr std::uint8_t handshake_record = 22;
constexpr std::uint8_t client_hello = 1;
constexpr std::uint16_t server_name_extension = 0;
constexpr std::uint8_t host_name_type = 0;
constexpr std::size_t random_size = 32;
constexpr std::size_t max_record = 16U << 10;

/// The handshake's bytes, taken out of their records. After a fault every read gives 0 at once, without waiting for
/// bytes, so that a reader need look only where it decides.
class HandshakeReader {
 public:
  explicit HandshakeReader(ByteSource& source) : source_(source) {}

  [[nodiscard]] bool good() const { return good_; }

  std::uint8_t u8() {
    if (good_ && left_ == 0) start_record();
    if (!good_) return 0;
    --left_;
    return source_.next();
  }
  std::uint16_t u16() {
    const auto high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  void skip(std::size_t count) {
    for (; count > 0 && good_; --count) u8();
  }
  std::string text(std::size_t count) {
    std::string text;
    for (; count > 0 && good_; --count) text.push_back(static_cast<char>(u8()));
    return text;
  }

 private:
  // Other records (an alert, early data) cannot come before the end of a ClientHello; nor can empty ones (RFC
  // 8446, 5.1).
  void start_record() {
    const auto type = source_.next();
    if (type != handshake_record) return fail();
    if (source_.next() != 3) return fail();  // the major version of SSL 3.0 and all of TLS
    source_.next();
    const auto high = source_.next();
    left_ = static_cast<std::size_t>(high << 8 | source_.next());
    if (left_ == 0 || left_ > max_record) fail();
  }
  void fail() { good_ = false; }

  ByteSource& source_;
  std::size_t left_ = 0;  // of the record
  bool good_ = true;
};

/// RFC 6066, 3: a list whose first entry is the host name; other types were never defined.
std::string read_server_name(HandshakeReader& hello, std::size_t size) {
  const std::size_t list = hello.u16();
  const auto type = hello.u8();
  const std::size_t length = hello.u16();
  if (type != host_name_type || list < length + 3 || size < list + 2) return {};
  return hello.text(length);
}

/// RFC 8446, 4.1.2, whose form TLS 1.0 to 1.2 share.
std::string read_hello(HandshakeReader& hello) {
  if (hello.u8() != client_hello) return {};
  hello.skip(3);  // the message's length
  hello.skip(2 + random_size);
  hello.skip(hello.u8());   // session id
  hello.skip(hello.u16());  // cipher suites
  hello.skip(hello.u8());   // compression methods
  std::size_t left = hello.u16();
  while (left >= 4 && hello.good()) {
    const auto type = hello.u16();
    const std::size_t size = hello.u16();
    if (size > left - 4) return {};
    if (type == server_name_extension) return read_server_name(hello, size);
    hello.skip(size);
    left -= 4 + size;
  }
  return {};
}

}  // namespace

Finding find_tls_server_name(ByteSource& bytes) {
  HandshakeReader hello(bytes);
  const auto name = read_hello(hello);
  return hello.good() ? finding_of(name) : Finding();
}

}  // namespace tfunnel::core
