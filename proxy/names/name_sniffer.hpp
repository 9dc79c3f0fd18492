// Looks for a host name in the first bytes of a flow.
#pragma once

#include <string>
#include <string_view>

#include "common/core/byte_source.hpp"
#include "common/core/wire.hpp"

namespace tfunnel::core {

/// The outcome so far of a look at the first bytes of a flow. `address`: their sender means an address, not a name.
enum class Sniffed { searching, found, address, none };

/// The result of a search.
struct Finding {
  Sniffed verdict = Sniffed::none;
  std::string name;  // once found: in the form of host_name()

  bool operator==(const Finding&) const = default;
};

/// The kind of `host`, as a flow's first bytes have it: a name, an address (IPv6 in brackets or not), or neither.
Finding finding_of(std::string_view host);

/// Feeds bytes that arrive in any pieces to a search that is written as if they were all there. A coroutine without
/// I/O; it keeps nothing but the name.
class NameSniffer {
 public:
  /// More than any beginning needs: post-quantum key shares and many cookies included.
  static constexpr std::size_t max_bytes = 32U << 10;
  /// Takes bytes until it knows.
  using Search = Finding (*)(ByteSource& bytes);

  explicit NameSniffer(Search search);
  // The coroutine refers to this object.
  NameSniffer(const NameSniffer&) = delete;
  NameSniffer& operator=(const NameSniffer&) = delete;

  /// Takes bytes until there is a verdict; returns how many. REQUIRES: its verdict is `searching`.
  std::size_t feed(ByteView bytes);
  [[nodiscard]] const Finding& finding() const { return finding_; }

 private:
  Finding finding_{Sniffed::searching, {}};
  std::size_t taken_ = 0;
  ByteSource::Coroutine::push_type coroutine_;
};

}  // namespace tfunnel::core
