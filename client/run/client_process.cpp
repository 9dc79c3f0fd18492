#include "client/run/client_process.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "client/run/capabilities.hpp"
#include "client/run/namespace_routes.hpp"
#include "client/run/network.hpp"
#include "client/via_client.hpp"
#include "common/app/main_guard.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

Command command_of(const RunPlan& plan) {
  if (!plan.link.via.empty()) return Command::shell(plan.link.via);
  return {"/proc/self/exe", plan.local_far_end, false};
}

}  // namespace

ClientProcess::ClientProcess(const RunPlan& plan, io::Descriptor sockets, const FrontSignals& signals)
    : front_(::getpid()) {
  Pipe ready = open_pipe();
  pid_ = ::fork();
  if (pid_ == 0) run(plan, std::move(sockets), std::move(ready), signals);
  const auto error = io::last_error();
  ready_ = std::move(ready.read);
  if (pid_ < 0) throw boost::system::system_error(error, "a process for the client");
}

ClientProcess::~ClientProcess() { kill(); }

void ClientProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  forget();
}

void ClientProcess::forget() {
  pid_ = -1;
  groups_.kill();
}

void ClientProcess::ask_to_end() {
  if (pid_ >= 0) ::kill(pid_, SIGTERM);
}

void ClientProcess::hurry() {
  if (pid_ >= 0) ::kill(pid_, SIGINT);
}

bool ClientProcess::is_ready() {
  char byte = 0;
  const bool ready = ::read(ready_.get(), &byte, 1) == 1;
  ready_.close();
  return ready;
}

void ClientProcess::run(const RunPlan& plan, io::Descriptor sockets, Pipe ready, const FrontSignals& signals) {
  const pid_t owner = ::getpgrp();
  ::setpgid(0, 0);
  drop_capabilities();
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != front_) ::_exit(0);
  close_all_but({sockets.get(), ready.write.get()});
  close_standard_stream(STDIN_FILENO);
  close_standard_stream(STDOUT_FILENO);
  signals.restore();
  // Log lines must get through from the background, even where `stty tostop` is set.
  std::signal(SIGTTOU, SIG_IGN);
  const auto status = app::guarded("tfunnel run", [&] {
    ViaHooks hooks;
    hooks.name = "tfunnel run";
    hooks.applications_are_gone = true;
    hooks.terminal_owner = owner;
    hooks.sockets = [&sockets] { return receive_sockets(std::exchange(sockets, {})); };
    hooks.is_local = is_address_of_namespace;
    hooks.apply_reach = [](io::Descriptor routes, const io::Log& log) {
      const auto kept = std::make_shared<NamespaceRoutes>(std::move(routes), log);
      return [kept](const core::Reach& reach) { kept->apply(reach); };
    };
    hooks.on_ready = [&ready] {
      const char byte = 1;
      [[maybe_unused]] const auto written = ::write(ready.write.get(), &byte, 1);
      ready.write.close();
    };
    hooks.groups = groups_.all();
    return run_via(plan.common, plan.link, command_of(plan), hooks);
  });
  std::exit(status);
}

}  // namespace tfunnel::client
