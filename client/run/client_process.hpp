// The client of `tfunnel run`: a process outside the namespaces, with the capture sockets from inside.
#pragma once

#include <sys/types.h>

#include "client/links/link_guard.hpp"
#include "client/run/descriptors.hpp"
#include "client/run/front_signals.hpp"
#include "client/run/run_plan.hpp"

namespace tfunnel::client {

/// A child process in a process group of its own, so that the terminal's keys do not reach it. It ends cleanly if its
/// parent dies, and with it the commands of its links.
class ClientProcess {
 public:
  /// Starts it. The capture sockets come over `sockets`.
  ClientProcess(const RunPlan& plan, io::Descriptor sockets, const FrontSignals& signals);
  /// Kills it, if it still runs, and its links.
  ~ClientProcess();
  ClientProcess(const ClientProcess&) = delete;
  ClientProcess& operator=(const ClientProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Becomes readable when the first link is up: one byte; end of file: the process has ended.
  [[nodiscard]] int ready_descriptor() const { return ready_.get(); }
  bool is_ready();
  /// How the far end's host completes names: lines of a resolv.conf, or nothing. REQUIRES: is_ready().
  [[nodiscard]] const std::string& resolver_lines() const { return resolver_lines_; }

  /// It prints the table of flows, as soon as its event loop runs; without effect when it has ended.
  void print_flows();
  /// It delivers what the program has sent, says goodbye to the far end, and ends.
  void ask_to_end();
  /// It delivers no more.
  void hurry();
  void kill();
  /// To be called when waitpid(2) has told its end: what may be left of its links is killed.
  void forget();

 private:
  [[noreturn]] void run(const RunPlan& plan, io::Descriptor sockets, Pipe ready, const FrontSignals& signals);

  // Shared with the process: the process groups of its links' commands, should it die before it could end them.
  SharedGroups groups_;
  pid_t front_;
  pid_t pid_ = -1;
  io::Descriptor ready_;
  std::string resolver_lines_;
};

}  // namespace tfunnel::client
