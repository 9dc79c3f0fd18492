// A link's command, and all that it has started: one process group.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace tfunnel::client {

/// Asks the system, and sends signals. LinkSupervision says when.
class ChildGroup {
 public:
  ChildGroup() = default;
  /// `leader` is a child of ours; the group has its number.
  explicit ChildGroup(pid_t leader) : leader_(leader), group_(leader) {}

  /// The group, while its leader has not ended; 0: it has, or there was none. Others may refer to it by this number,
  /// since nobody else can get it before our waitpid(2).
  [[nodiscard]] pid_t led() const { return leader_; }
  /// The group, also while only others are left of it; 0: nobody is, as far as anybody_left() has told.
  [[nodiscard]] pid_t number() const { return group_; }
  /// The leader's next event, as a status of waitpid(2): it was stopped, or it has ended. Nothing: there is none.
  std::optional<int> news();
  /// To all of the group. Nothing happens if nobody is left.
  void signal(int number) const;
  /// Nobody is told of the end of a process that is not our child, so this has to be asked again and again.
  bool anybody_left();

 private:
  pid_t leader_ = 0;
  pid_t group_ = 0;
};

/// "ended with status 3", "was ended by signal 9 (Killed)", of a status from waitpid(2).
std::string describe_end(int status);

}  // namespace tfunnel::client
