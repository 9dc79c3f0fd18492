// The host name in the first bytes that a client sends, whatever it speaks.
#pragma once

#include <memory>

#include "common/core/http_sniffer.hpp"
#include "common/core/tls_sniffer.hpp"

namespace tfunnel::core {

/// TLS or HTTP/1, which the first byte tells; anything else has no name.
class FlowSniffer {
 public:
  /// Takes bytes until there is a verdict. REQUIRES: verdict() is `searching`.
  void feed(ByteView bytes);
  [[nodiscard]] Sniffed verdict() const;
  /// Once found; see the two sniffers.
  [[nodiscard]] const std::string& name() const;

 private:
  // Made when the first byte is there: a coroutine costs a stack.
  std::unique_ptr<TlsSniffer> tls_;
  std::unique_ptr<HttpSniffer> http_;
};

}  // namespace tfunnel::core
