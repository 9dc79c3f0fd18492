// Looks for a host name in the first bytes of a flow.
#pragma once

#include <optional>
#include <string>

#include "common/core/byte_source.hpp"
#include "common/core/wire.hpp"

namespace tfunnel::core {

/// What a look at the first bytes of a flow has brought so far.
enum class Sniffed { searching, found, none };

/// Feeds bytes that arrive in any pieces to a search that is written as if they were all there. A coroutine without
/// I/O; it keeps nothing but the name.
class NameSniffer {
 public:
  /// More than any beginning needs: post-quantum key shares and many cookies included.
  static constexpr std::size_t max_bytes = 32U << 10;
  /// Takes bytes until it knows: a name in the form of host_name(), or that there is none.
  using Search = std::optional<std::string> (*)(ByteSource& bytes);

  explicit NameSniffer(Search search);
  // The coroutine refers to this object.
  NameSniffer(const NameSniffer&) = delete;
  NameSniffer& operator=(const NameSniffer&) = delete;

  /// Takes bytes until there is a verdict; returns how many. REQUIRES: verdict() is `searching`.
  std::size_t feed(ByteView bytes);
  [[nodiscard]] Sniffed verdict() const { return verdict_; }
  /// Once found.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  Sniffed verdict_ = Sniffed::searching;
  std::size_t taken_ = 0;
  std::string name_;
  ByteSource::Coroutine::push_type coroutine_;
};

}  // namespace tfunnel::core
