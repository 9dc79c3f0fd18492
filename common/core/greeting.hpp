// The 16 bytes with which each side starts, found behind whatever a login prints first.
#pragma once

#include <boost/coroutine2/coroutine.hpp>

#include <array>
#include <cstdint>
#include <string>

#include "common/core/wire.hpp"

namespace tfunnel::core {

/// The version of the frame stream that this program speaks.
constexpr std::uint16_t protocol_version = 1;

/// Fourteen fixed bytes, then the version, big-endian. The CR LF, Ctrl-Z and LF inside betray a
/// link that translates text, and the first byte does not occur again in the fixed part.
using GreetingBytes = std::array<std::uint8_t, 16>;
GreetingBytes greeting(std::uint16_t version = protocol_version);

/// How much noise (a login banner, output of a shell's start files) may come before the greeting.
constexpr std::size_t max_noise = 64U << 10;

/// Looks for the far end's greeting in bytes that arrive in any pieces.
/// A coroutine so that the search reads as a straight line; it does no I/O.
class GreetingSearch {
 public:
  enum class Verdict { searching, found, not_found };

  GreetingSearch();
  // The coroutine refers to this object.
  GreetingSearch(const GreetingSearch&) = delete;
  GreetingSearch& operator=(const GreetingSearch&) = delete;

  /// Takes bytes until there is a verdict; returns how many were taken. Bytes behind the greeting
  /// are left alone. REQUIRES: verdict() is `searching`.
  std::size_t feed(ByteView bytes);
  /// The greeting that was found was not the far end's: it counts as noise, and the search goes on behind it unless
  /// there was too much of that. REQUIRES: verdict() is `found`.
  void go_on();

  [[nodiscard]] Verdict verdict() const { return verdict_; }
  /// The far end's version, once found.
  [[nodiscard]] std::uint16_t version() const { return version_; }
  /// All that came before the greeting, at most max_noise bytes.
  [[nodiscard]] const std::string& noise() const { return noise_; }

 private:
  using Coroutine = boost::coroutines2::coroutine<std::uint8_t>;
  Coroutine::push_type new_search();
  void search(Coroutine::pull_type& bytes);
  bool match_fixed_part(Coroutine::pull_type& bytes);

  Verdict verdict_ = Verdict::searching;
  std::uint16_t version_ = 0;
  std::string noise_;
  Coroutine::push_type coroutine_;
};

/// Tells from the bytes behind a greeting whose it is.
enum class Greeter { unknown_yet, far_end, ourselves, nobody };

/// Where the far end's terminal may still echo, or have lost a part, a greeting is taken for the far end's only if a
/// Hello of the other role than `own` follows. An echo of our own may be cut short by the far end's.
Greeter greeter(ByteView behind, wire::Role own);

/// Bytes for a log line: printable ASCII as it is, the rest escaped, cut after `limit` bytes.
std::string printable(std::string_view bytes, std::size_t limit = 80);

}  // namespace tfunnel::core
