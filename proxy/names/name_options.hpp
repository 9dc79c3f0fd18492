// The command line's part about DNS and names.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/app/options.hpp"
#include "common/core/address.hpp"
#include "proxy/names/namer.hpp"
#include "proxy/names/virtual_names.hpp"

namespace tfunnel::proxy {

struct NameOptions {
  /// From the range for benchmarks (RFC 2544), which no network routes, and a unique local prefix (RFC 4193) of our
  /// own.
  std::vector<std::string> resolver_addresses{"198.18.0.53", "fd00:7466::53"};
  std::vector<std::string> dns;
  std::vector<std::string> dns_words;  // that --dns may say besides: no option, but a command's own meaning
  NameMode proxy_names = NameMode::automatic;
  VirtualNames::Limits virtual_limits;  // no option: for tests

  // The meaning of the words. REQUIRES: check() has passed.
  [[nodiscard]] std::set<core::Address> resolver() const;
  [[nodiscard]] std::vector<core::Endpoint> servers() const;
  /// --dns virtual: a name without a real answer gets a virtual address, whatever the nameservers know.
  [[nodiscard]] bool always_virtual() const;
  /// The same, or where the nameservers know nothing of the outside. Only where an upstream proxy takes names.
  [[nodiscard]] bool gives_addresses() const;
};

/// The options of NameOptions; `options` must outlive the parse.
app::po::options_description name_description(NameOptions& options);

/// Throws app::UsageError for values that make no sense.
void check(const NameOptions& options);

/// "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:5353"; nothing if it is none of these.
std::optional<core::Endpoint> parse_server(const std::string& text, std::uint16_t default_port);

}  // namespace tfunnel::proxy
