// The server name in a TLS ClientHello.
#pragma once

#include <string>

#include "common/core/byte_source.hpp"
#include "common/core/wire.hpp"

namespace tfunnel::core {

/// What a look at the first bytes of a flow has brought so far.
enum class Sniffed { searching, found, none };

/// Looks for the server_name extension (RFC 6066, 3) in bytes that arrive in any pieces, the ClientHello in any number
/// of records (RFC 8446, 5.1). A coroutine without I/O; it keeps nothing but the name.
class TlsSniffer {
 public:
  /// More than any ClientHello needs, post-quantum key shares included.
  static constexpr std::size_t max_bytes = 32U << 10;

  TlsSniffer();
  // The coroutine refers to this object.
  TlsSniffer(const TlsSniffer&) = delete;
  TlsSniffer& operator=(const TlsSniffer&) = delete;

  /// Takes bytes until there is a verdict; returns how many. REQUIRES: verdict() is `searching`.
  std::size_t feed(ByteView bytes);
  [[nodiscard]] Sniffed verdict() const { return verdict_; }
  /// Once found: a host name in the form of host_name(). A name that is no such thing counts as none.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void search(ByteSource::Coroutine::pull_type& bytes);

  Sniffed verdict_ = Sniffed::searching;
  std::size_t taken_ = 0;
  std::string name_;
  ByteSource::Coroutine::push_type coroutine_;
};

}  // namespace tfunnel::core
