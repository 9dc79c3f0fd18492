#include "client/run/client_process.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>

#include "client/links/make_links.hpp"
#include "client/process/capabilities.hpp"
#include "client/program/client_program.hpp"
#include "client/run/namespace_facts.hpp"
#include "client/run/namespace_routes.hpp"
#include "client/run/network.hpp"
#include "common/app/main_guard.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

Command command_of(const RunPlan& plan) {
  if (!plan.link.via.empty()) return Command::shell(plan.link.via);
  return {"/proc/self/exe", plan.local_far_end, false, {}};
}

}  // namespace

ClientProcess::ClientProcess(const RunPlan& plan, io::Descriptor sockets, const FrontSignals& signals)
    : front_(::getpid()) {
  Pipe ready = open_pipe();
  pid_ = ::fork();
  if (pid_ == 0) run(plan, std::move(sockets), std::move(ready), signals);
  if (pid_ < 0) refuse("a process for the client", errno);
  ready_ = std::move(ready.read);
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

void ClientProcess::print_flows() {
  if (pid_ >= 0) ::kill(pid_, SIGUSR1);
}

bool ClientProcess::is_ready() {
  std::string said;
  char buffer[PIPE_BUF];
  for (ssize_t size; (size = ::read(ready_.get(), buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<std::size_t>(size));
  }
  ready_.close();
  if (said.empty()) return false;
  resolver_lines_ = said.substr(1);
  return true;
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
  // Until there is a handler it must not end this process. Blocked from before the fork, it has not by now.
  std::signal(SIGUSR1, SIG_IGN);
  signals.restore();
  // Log lines must get through from the background, even where `stty tostop` is set.
  std::signal(SIGTTOU, SIG_IGN);
  const auto status = app::guarded("tfunnel run", plan.common.log_format, [&] {
    ClientHooks hooks;
    hooks.name = "tfunnel run";
    hooks.command = "run";
    hooks.process = front_;
    hooks.program = plan.program.front();
    hooks.tells_no_manager = true;
    hooks.applications_are_gone = true;
    hooks.sockets_come_late = true;
    hooks.sockets = [&sockets] { return receive_sockets(std::exchange(sockets, {})); };
    hooks.is_local = is_address_of_namespace;
    hooks.apply_reach = [](io::Descriptor routes, const io::Log& log) {
      const auto kept = std::make_shared<NamespaceRoutes>(std::move(routes), log);
      return [kept](const core::Reach& reach) { kept->apply(reach); };
    };
    // A byte, and how names are completed there, if the far end tells.
    hooks.on_ready = [&ready](const std::optional<core::ResolverHints>& resolver) {
      const auto text = "\1" + (resolver ? core::resolver_lines(*resolver) : "");
      [[maybe_unused]] const auto written = ::write(ready.write.get(), text.data(), text.size());
      ready.write.close();
    };
    hooks.summary = plan.summary;
    const Supervision supervision{command_of(plan), owner, groups_.all()};
    return run_client(plan.common, supervised_links(plan.common, plan.link, supervision), hooks);
  });
  std::exit(status);
}

}  // namespace tfunnel::client
