// How a connection of ours can have the application's own source address.
#pragma once

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// Binds sockets to addresses that are not this host's. What the system needs for it differs, so it is given from
/// outside; the portable programs have none.
class SourceBinding {
 public:
  SourceBinding() = default;
  SourceBinding(const SourceBinding&) = delete;
  SourceBinding& operator=(const SourceBinding&) = delete;
  virtual ~SourceBinding() = default;

  /// Binds the open `socket` (a descriptor) to `source`, which is of the socket's family. Errors: permission_denied for
  /// a source that cannot be an ordinary host's; address_in_use; what the system says.
  virtual error_code bind(int socket, const core::Endpoint& source) = 0;
};

}  // namespace tfunnel::proxy
