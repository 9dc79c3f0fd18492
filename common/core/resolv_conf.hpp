// The text of a resolv.conf(5), but for its nameservers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tfunnel::core {

// RES_MAXNDOTS, RES_MAXRETRANS and RES_MAXRETRY of <resolv.h>: beyond them the C library takes these.
constexpr unsigned most_ndots = 15;
constexpr unsigned longest_resolver_timeout = 30;
constexpr unsigned most_resolver_attempts = 5;

/// A keyword counts at the beginning of its line only; of lines and words that say the same thing the last counts.
/// Numbers are brought into their bounds; what makes no sense counts as not said.
struct ResolvConf {
  std::optional<std::vector<std::string>> search;  // the words of `search`, or the one of `domain`, as they stand there
  std::optional<unsigned> ndots;                   // at most 15
  std::optional<unsigned> timeout;                 // seconds, 1 to 30
  std::optional<unsigned> attempts;                // 1 to 5
  bool rotate = false;

  /// The words behind `options`, or those of the variable RES_OPTIONS.
  void take_options(std::string_view words);
};

ResolvConf parse_resolv_conf(std::string_view text);

}  // namespace tfunnel::core
