// The server name in a TLS ClientHello.
#pragma once

#include "proxy/names/name_sniffer.hpp"

namespace tfunnel::core {

/// Looks for the server_name extension (RFC 6066, 3), the ClientHello in any number of records (RFC 8446, 5.1); a
/// NameSniffer's search. With Encrypted ClientHello it is the outer name, that of the server which can decrypt the
/// inner one.
Finding find_tls_server_name(ByteSource& bytes);

}  // namespace tfunnel::core
