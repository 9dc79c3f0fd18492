// How long and how often resolvers ask, as resolv.conf(5) says it.
#pragma once

#include <string_view>

#include "common/core/time.hpp"

namespace tfunnel::proxy {

/// The options of resolv.conf(5) that concern who is asked when; the defaults are the C library's, and so are the
/// largest values. All others mean nothing to a forwarder. Pure.
struct ResolvOptions {
  core::Duration timeout = std::chrono::seconds(5);  // for one server's answer, until the next one is asked
  int attempts = 2;                                  // how often all servers are asked
  bool rotate = false;                               // each question begins with another server

  bool operator==(const ResolvOptions&) const = default;

  /// Takes what a line's words say ("timeout:1 attempts:3 rotate"), or those of the variable RES_OPTIONS.
  void apply(std::string_view words);
};

/// The `options` lines of a file's whole text; the later word counts.
ResolvOptions parse_resolv_options(std::string_view text);

}  // namespace tfunnel::proxy
