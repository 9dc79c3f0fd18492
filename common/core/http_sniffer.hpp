// The Host of an HTTP/1 request.
#pragma once

#include "common/core/name_sniffer.hpp"

namespace tfunnel::core {

/// Looks for the Host field (RFC 9112, 3.2); a NameSniffer's search. The name comes without the port; an address counts
/// as none.
std::optional<std::string> find_http_host(ByteSource& bytes);

}  // namespace tfunnel::core
