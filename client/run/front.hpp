// The process that the user started with `tfunnel run`: it starts the others, passes signals, and ends like the
// program.
#pragma once

#include <chrono>
#include <optional>

#include "client/process/terminal.hpp"
#include "client/run/client_process.hpp"
#include "client/run/front_signals.hpp"
#include "client/run/init_process.hpp"
#include "client/run/run_plan.hpp"
#include "common/core/absence.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

class Front {
 public:
  /// Makes the namespaces and starts the client. Throws app::UsageError. `plan` and `log` must outlive it.
  Front(const RunPlan& plan, const io::Log& log);

  /// Runs the program, and returns its exit status when nothing that was started here is left; if a signal ended the
  /// program, the same signal ends this process. Throws app::UsageError if the program did not start.
  int run();

 private:
  using Clock = std::chrono::steady_clock;

  void wait_for_start();
  void run_program();
  void look_at_report();
  void look_at_link();
  void end_all();
  void end_client();
  void end_init();
  int finish();

  void wait(Clock::time_point deadline);
  bool wait(core::Patience& patience);
  void handle_signals();
  void handle(const ReceivedSignal& signal);
  void reap();
  void on_end(pid_t pid, int status);
  void on_client_end(int status);
  void note_delivery(int status);
  void on_init_end(int status);
  void on_program_stop(int number);

  const RunPlan& plan_;
  const io::Log& log_;
  Terminal terminal_;
  FrontSignals signals_;
  Pipe sockets_;  // init writes, the client reads
  InitProcess init_;
  ClientProcess client_;
  bool set_up_ = false;
  bool has_ipv6_ = false;  // the namespace, once it is set up
  bool linked_ = false;
  bool hurried_ = false;  // the user asked a second time
  bool ending_ = false;   // from here on it is no news that a process ends
  Clock::time_point ending_since_;
  int asked_to_end_ = 0;        // by this signal, before there was a program
  pid_t program_ = -1;          // while it runs
  std::optional<int> outcome_;  // of the program: a status from waitpid(2)
  std::optional<int> failure_;  // the exit status, if one of our processes ended first
  int delivery_ = 0;            // the client's exit status at the end: what became of what the program had sent
};

}  // namespace tfunnel::client
