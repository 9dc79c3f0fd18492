// Ends TCP connections of other programs (sock_diag(7)).
#pragma once

#include "client/rules/system_rules.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::client {

/// Its program gets an error at once (ECONNABORTED), even if it waits for nothing. Needs CAP_NET_ADMIN.
/// The other end hears of it when it sends something; conntrack does not know the kernel's own reset. Errors:
/// operation_not_supported where the kernel is made without it (INET_DIAG_DESTROY), or the kernel's. One that has ended
/// by itself is no error.
error_code end_connection(const Connection& connection);

}  // namespace tfunnel::client
