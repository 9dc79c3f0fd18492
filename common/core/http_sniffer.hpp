// The Host of an HTTP/1 request.
#pragma once

#include <string>

#include "common/core/tls_sniffer.hpp"

namespace tfunnel::core {

/// Looks for the Host field (RFC 9112, 3.2) in bytes that arrive in any pieces. A coroutine without I/O.
class HttpSniffer {
 public:
  static constexpr std::size_t max_bytes = 32U << 10;

  HttpSniffer();
  // The coroutine refers to this object.
  HttpSniffer(const HttpSniffer&) = delete;
  HttpSniffer& operator=(const HttpSniffer&) = delete;

  /// Takes bytes until there is a verdict; returns how many. REQUIRES: verdict() is `searching`.
  std::size_t feed(ByteView bytes);
  [[nodiscard]] Sniffed verdict() const { return verdict_; }
  /// Once found: a host name in the form of host_name(), without the port. An address counts as none.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void search(ByteSource::Coroutine::pull_type& bytes);

  Sniffed verdict_ = Sniffed::searching;
  std::size_t taken_ = 0;
  std::string name_;
  ByteSource::Coroutine::push_type coroutine_;
};

}  // namespace tfunnel::core
