// The host name in the first bytes that a client sends, of TLS or HTTP.
#pragma once

#include "proxy/names/name_sniffer.hpp"

namespace tfunnel::core {

/// TLS or HTTP/1, which the first byte tells; anything else has no name.
class FlowSniffer {
 public:
  /// Takes bytes until there is a verdict. REQUIRES: verdict() is `searching`.
  void feed(ByteView bytes);
  /// See the two searches.
  [[nodiscard]] const Finding& finding() const { return sniffer_ ? sniffer_->finding() : nothing_yet_; }
  [[nodiscard]] Sniffed verdict() const { return finding().verdict; }
  [[nodiscard]] const std::string& name() const { return finding().name; }

 private:
  Finding nothing_yet_{Sniffed::searching, {}};
  std::optional<NameSniffer> sniffer_;  // made when the first byte is there: a coroutine costs a stack
};

}  // namespace tfunnel::core
