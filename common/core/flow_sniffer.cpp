#include "common/core/flow_sniffer.hpp"

namespace tfunnel::core {

namespace {
// TLS's handshake record; an HTTP request starts with a letter.
constexpr std::uint8_t tls_start = 22;
}  // namespace

void FlowSniffer::feed(ByteView bytes) {
  if (bytes.empty()) return;
  if (!tls_ && !http_) {
    if (bytes.front() == tls_start) {
      tls_ = std::make_unique<TlsSniffer>();
    } else {
      http_ = std::make_unique<HttpSniffer>();
    }
  }
  tls_ ? tls_->feed(bytes) : http_->feed(bytes);
}

Sniffed FlowSniffer::verdict() const {
  if (tls_) return tls_->verdict();
  return http_ ? http_->verdict() : Sniffed::searching;
}

const std::string& FlowSniffer::name() const { return tls_ ? tls_->name() : http_->name(); }

}  // namespace tfunnel::core
