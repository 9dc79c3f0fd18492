// The first bytes of clients: TLS ClientHellos, whole or in several records.
#pragma once

#include <string>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {

/// Where a flow goes whose first bytes name a server.
inline const core::Endpoint https = endpoint("203.0.113.5", 443);

/// A TLS 1.3 style ClientHello message with a server_name behind another extension; no such extension if `name` is
/// empty.
Bytes client_hello(const std::string& name);
/// `message` in handshake records of at most `size` bytes each.
Bytes tls_records(const Bytes& message, std::size_t size = 16'384);

}  // namespace tfunnel::test
