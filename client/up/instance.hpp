// There is one `tfunnel up` for each network namespace.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>

#include "common/io/descriptor.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// Held while somebody is at this network's rules. The kernel lets it go with the process, however that ends: it is an
/// abstract socket (unix(7)), which belongs to the network namespace. Anybody could make one, so only those count of
/// processes that may change rules, and the names cannot be known beforehand.
class Instance {
 public:
  /// Nothing if another process has one. Of two that begin at the same time both may get nothing. Throws
  /// boost::system::system_error.
  static std::optional<Instance> take();
  /// Ends the others, by these signals in turn, and then takes it. Throws app::UsageError if they cannot be ended.
  static Instance take_from_others(std::span<const int> signals, const io::Log& log);
  /// A process that has one; 0 if it is in a PID namespace that we cannot see into.
  static std::optional<pid_t> holder();

 private:
  explicit Instance(io::Descriptor socket) : socket_(std::move(socket)) {}

  io::Descriptor socket_;
};

}  // namespace tfunnel::client
