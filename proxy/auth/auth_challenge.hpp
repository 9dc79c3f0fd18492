// The schemes that a proxy asks for in Proxy-Authenticate (RFC 9110, 11.3 to 11.7).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tfunnel::proxy {

struct Challenge {
  std::string scheme;                             // lower case
  std::string token;                              // token68, where the scheme uses it (Negotiate)
  std::map<std::string, std::string> parameters;  // names in lower case, values without quotes

  /// Empty if there is none of that name.
  [[nodiscard]] std::string parameter(const std::string& name) const;
};

/// All challenges of one header field, which may hold several; also of one that is broken, as far as it
/// can be read: the others are left out.
std::vector<Challenge> parse_challenges(std::string_view field);

/// "Basic, Digest": for people.
std::string scheme_names(const std::vector<Challenge>& challenges);

}  // namespace tfunnel::proxy
