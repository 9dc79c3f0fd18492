// How a connection of ours can have the application's own source address.
#pragma once

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// Binds sockets to addresses that are not this host's. Systems differ in how that is done, so it is given from
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

  /// A connection from `source` to `destination` cannot be made, since this host has one: an earlier far end's perhaps,
  /// whose link is dead without its knowledge. Ends that one if it may be ended; false: it stays.
  virtual bool take_over(const core::Endpoint& source, const core::Endpoint& destination) = 0;
};

}  // namespace tfunnel::proxy
