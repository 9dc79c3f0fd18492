// One user namespace more, in which nothing that is mounted already can be unmounted or made writable.
#pragma once

#include <sys/types.h>

#include <optional>

#include "client/run/descriptors.hpp"
#include "client/run/id_map.hpp"

namespace tfunnel::client {

/// mount_namespaces(7): what a mount namespace has from one of a more privileged user namespace is locked, each mount
/// in its place, and so is what is mounted there later and propagates. In the new namespaces a program with
/// capabilities mounts what it likes on top, and has no rights over the network, the pid namespace and process 1 around
/// it. Made by a process about to become the program, and by its parent, which stays in the former namespace and so may
/// give ids to the new one. REQUIRES: the parent has all capabilities there.
class LockedNamespace {
 public:
  /// Before they are made, where /proc is that of our own pid namespace. Only those two may keep a copy. Throws
  /// boost::system::system_error.
  LockedNamespace();

  /// In the child, while the parent is in admit(). 0: it is in there, with all capabilities; else the errno, and it is
  /// where it was, since the system permits no more namespaces. Nothing: it has been left in there without an id.
  [[nodiscard]] std::optional<int> enter();
  /// In the parent: gives the child's namespace `ids`. Returns when that is done, or not wanted, or the child has
  /// ended.
  void admit(pid_t child, const IdMaps& ids);

 private:
  Pipe talk_;  // both ways; read: the parent's end
  io::Descriptor proc_;
};

}  // namespace tfunnel::client
