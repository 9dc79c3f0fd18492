// Process 1 of the namespaces of `tfunnel run`: sets them up, reaps orphans, and ends everything with itself.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "client/run/checked_files.hpp"
#include "client/run/descriptors.hpp"
#include "client/run/id_map.hpp"
#include "client/run/mounts.hpp"
#include "client/run/network.hpp"
#include "common/io/exit_status.hpp"

namespace tfunnel::client {

/// The result of the setting up.
struct InitReport {
  io::ExitStatus status = io::ExitStatus::ok;
  std::string text;  // an error, or warnings, a line each
  NetworkSetUp network;
};

/// A child process in user, mount, network and pid namespaces of its own.
class InitProcess {
 public:
  /// Makes it, with all ids meaning the same inside. `sockets` is where it sends the capture sockets to. Throws
  /// app::UsageError with an explanation if the system permits no such namespaces.
  InitProcess(const MountPlan& plan, const io::Descriptor& sockets);
  /// Kills it, if it still runs, and with it all in its namespaces. Reaps all children of this process on the way.
  ~InitProcess();
  InitProcess(const InitProcess&) = delete;
  InitProcess& operator=(const InitProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The ids that exist inside.
  [[nodiscard]] const IdMaps& ids() const { return ids_; }
  /// For start_program(): at a byte written to it the process puts itself out of reach, and answers by one.
  [[nodiscard]] int seal() const { return seal_.get(); }
  /// Becomes readable when it has set everything up, or failed.
  [[nodiscard]] int report_descriptor() const { return report_.get(); }
  /// To be called once, when it is readable.
  InitReport report();

  /// More lines for the /etc/resolv.conf inside, at most PIPE_BUF bytes: they stand there when this returns. To be
  /// called once at most, before there is a program, after report().
  void complete_resolver(const std::string& lines);

  /// It ends all processes of its namespaces, mildly first, then itself.
  void ask_to_end() { lifeline_.close(); }
  /// Ends it at once, with all in its namespaces. waitpid(2) tells when that is done.
  void kill();
  [[nodiscard]] bool was_killed() const { return killed_; }
  /// To be called when waitpid(2) has told its end.
  void forget() { pid_ = -1; }
  /// Its exit status if something hidden could not be covered anew, and everything was ended for that.
  static constexpr int bare = 1;

 private:
  /// Between the one that made the process and itself. The first two, and its death signal, each tell it that the
  /// former has ended.
  struct Ties {
    Pipe lifeline;
    io::Descriptor owner;  // a pidfd
    Pipe seal;             // both ways
    Pipe done;             // its end of file: complete_resolver() is carried out
  };

  [[noreturn]] static void run(const MountPlan& plan, const CheckedFiles& checked, int sockets, Ties ties, Pipe report);
  void map_ids();

  pid_t pid_ = -1;
  bool killed_ = false;
  IdMaps ids_;
  io::Descriptor lifeline_;  // at its end of file the process ends
  io::Descriptor report_;
  io::Descriptor done_;  // its end of file: complete_resolver() is carried out
  io::Descriptor seal_;
};

}  // namespace tfunnel::client
