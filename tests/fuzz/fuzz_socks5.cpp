// The handshake ends the same whether a proxy's bytes come at once or one by one, and takes none too many.
#include <cstdlib>

#include "proxy/socks5/socks5_address.hpp"
#include "proxy/socks5/socks5_handshake.hpp"

using namespace tfunnel;
using namespace tfunnel::proxy;

namespace {

struct End {
  std::size_t used = 0;
  bool running = true;
  boost::system::error_code error;
};

End run(core::ByteView bytes, bool with_credentials, std::size_t piece) {
  std::optional<Socks5Credentials> credentials;
  if (with_credentials) credentials = {"user", "password"};
  Socks5Handshake handshake(Socks5Command::connect, {{core::Address(), 80}, "name"}, credentials);
  End end;
  while (handshake.running() && end.used < bytes.size()) {
    if (handshake.wanted() == 0 || handshake.wanted() > 257) std::abort();
    const auto rest = bytes.subspan(end.used);
    const auto part = rest.first(std::min({piece, rest.size(), handshake.wanted()}));
    if (handshake.feed(part) != part.size()) std::abort();
    end.used += part.size();
  }
  end.running = handshake.running();
  if (!end.running && !handshake.outcome()) end.error = handshake.outcome().error();
  return end;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const core::ByteView bytes(data + 1, size - 1);
  const bool with_credentials = (data[0] & 1) != 0;
  const auto whole = run(bytes, with_credentials, SIZE_MAX);
  const auto pieces = run(bytes, with_credentials, 1);
  if (whole.used != pieces.used || whole.running != pieces.running || whole.error != pieces.error) std::abort();
  // Bytes that parse as a datagram are written back the same, but for the two reserved ones.
  if (const auto datagram = socks5_parse_datagram(bytes)) {
    const auto header = socks5_datagram_header(datagram->peer);
    const bool mapped = bytes[3] == socks5_ipv6 && datagram->peer.address.is_v4();
    if (!mapped && header.size() + datagram->payload.size() != bytes.size()) std::abort();
  }
  return 0;
}
