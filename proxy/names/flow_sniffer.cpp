#include "proxy/names/flow_sniffer.hpp"

#include "proxy/names/http_sniffer.hpp"
#include "proxy/names/tls_sniffer.hpp"

namespace tfunnel::core {

namespace {
// TLS's handshake record; an HTTP request starts with a letter.
constexpr std::uint8_t tls_start = 22;
}  // namespace

void FlowSniffer::feed(ByteView bytes) {
  if (bytes.empty()) return;
  if (!sniffer_) sniffer_.emplace(bytes.front() == tls_start ? find_tls_server_name : find_http_host);
  sniffer_->feed(bytes);
}

}  // namespace tfunnel::core
