// The server name in a TLS ClientHello.
#pragma once

#include "common/core/name_sniffer.hpp"

namespace tfunnel::core {

/// Looks for the server_name extension (RFC 6066, 3), the ClientHello in any number of records (RFC 8446, 5.1); a
/// NameSniffer's search. A name that is no host name counts as none.
std::optional<std::string> find_tls_server_name(ByteSource& bytes);

}  // namespace tfunnel::core
