// There is one `tfunnel up` for each network namespace.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <span>
#include <string>

#include "common/io/descriptor.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// Asks the one that has it to end, and to leave all closed for the asker; see CaptureRules::stay_closed().
inline constexpr int takeover_signal = SIGUSR2;

/// From now on it waits: before anybody can send it, it must not kill. Until let_go_takeover(), where somebody listens.
void hold_takeover();
void let_go_takeover();

/// What the one does that has it.
enum class Role {
  up,
  down  // what it removes others may remove at the same time
};

/// Held while somebody is at this network's rules. The kernel lets it go with the process, however that ends: it is an
/// abstract socket (unix(7)), which belongs to the network namespace. Anybody could make one, so only those count of
/// processes that may change rules, and the names cannot be known beforehand.
class Instance {
 public:
  /// Nothing if another process has one. Of two that begin at the same time both may get nothing. Throws
  /// boost::system::system_error.
  static std::optional<Instance> take();
  /// Is there another one besides? Then it takes over.
  [[nodiscard]] bool is_wanted() const;
  /// Ends the others, by these signals in turn, and then takes it. Of two that take over at the same time the older
  /// process gives way. REQUIRES: takeover_signal is held. Throws app::UsageError if they cannot be ended, or this one
  /// has given way.
  /// Each `down` lets the others be.
  static Instance take_from_others(std::span<const int> signals, const io::Log& log, Role role = Role::up);
  /// A process that has one, and stands in the way of `role`; 0 if it is in a PID namespace that we cannot see into.
  static std::optional<pid_t> holder(Role role = Role::up);

  /// Readable when somebody has connected to learn who holds it.
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  /// Accepts those who have, and closes.
  void let_callers_go() const;

 private:
  explicit Instance(const std::string& name);

  std::string name_;
  io::Descriptor socket_;
};

}  // namespace tfunnel::client
