// Which text may be handed on as a host name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tfunnel::core {

/// RFC 1035, 2.3.4, without a dot at the end.
constexpr std::size_t longest_host_name = 253;
constexpr std::size_t longest_label = 63;

/// `text` as a host name in lower case and without a dot at the end, or nothing if it is none: labels of letters,
/// digits, underscores and inner hyphens, 63 bytes each and 253 in all (RFC 1123, 2.1; RFC 1035, 2.3.4). The standard
/// has no underscore, but resolvers, programs and servers do: my_app.example is as good as any name. A text
/// that a resolver would take for an IP address is none, nor is a name of the machine that looks it up ("localhost",
/// RFC 6761, 6.3, and those of usual hosts files): an upstream would connect to itself.
std::optional<std::string> host_name(std::string_view text);

/// True for a name that can stand in a request line: letters, digits, dots, dashes and underscores. Names come
/// from the network; anything else could smuggle a header in.
bool is_host_name(std::string_view name);

}  // namespace tfunnel::core
