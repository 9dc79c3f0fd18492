#include "client/run/init_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "client/process/capabilities.hpp"
#include "client/rules/netlink.hpp"
#include "client/run/covers.hpp"
#include "client/run/namespace_facts.hpp"
#include "client/run/network.hpp"
#include "client/run/reaper.hpp"
#include "common/app/options.hpp"
#include "common/io/errors.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

/// The namespaces' own process; its memory is a copy of ours, as after fork(2).
pid_t clone_init() {
  constexpr unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | SIGCHLD;
  return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
}

// AppArmor lets the namespace be made, but takes away what one may do in it.
bool is_permission(const boost::system::error_code& error) { return error.value() == EPERM || error.value() == EACCES; }

std::string set_up(Covers& covers, int sockets, NetworkSetUp& network) {
  network = set_up_network();
  {
    const io::Descriptor to(sockets);
    auto made = open_capture_sockets({run_capture_port}, run_own_mark);
    made.routes = open_route_socket();
    send_sockets(to, made);
  }
  std::string lines;
  for (const auto& warning : covers.set_up()) lines += warning + '\n';
  return lines;
}

InitReport attempt(Covers& covers, int sockets) {
  InitReport report;
  try {
    report.text = set_up(covers, sockets, report.network);
  } catch (const app::UsageError& error) {
    report = {error.status(), error.what(), {}};
  } catch (const boost::system::system_error& error) {
    report = {io::ExitStatus::os_error, std::string("setting the namespace up: ") + error.what(), {}};
    if (is_permission(error.code())) {
      const auto code = error.code().value();
      report = {io::ExitStatus::no_permission, explain_refusal(error.what(), code, look_at_facts(code, true)), {}};
    }
  } catch (const std::exception& error) {
    report = {io::ExitStatus::os_error, error.what(), {}};
  }
  return report;
}

/// What stands before the text of a report: the status, whether there is IPv6, and the errno for want of a card.
constexpr std::size_t report_head = 3;

std::string encode(const InitReport& report) {
  const auto& network = report.network;
  return std::string{static_cast<char>(report.status), static_cast<char>(network.ipv6),
                     static_cast<char>(network.no_card.value())} +
         report.text;
}

InitReport decode(const std::string& text) {
  const auto byte = [&text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  InitReport report{static_cast<io::ExitStatus>(byte(0)), text.substr(report_head), {byte(1) != 0, {}}};
  report.network.no_card.assign(byte(2), boost::system::system_category());
  return report;
}

/// Readable as soon as this process has ended, whoever else lives.
io::Descriptor open_own_process() { return io::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))); }

// From here on nobody may trace it, or reach its memory and descriptors, but who could before it made its namespaces:
// the program is the same user, and would change what makes this process end, and everything with it. A process that
// enters namespaces by our pidfd must have done it by now.
void become_unreachable(int seal) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const char done = 1;
  [[maybe_unused]] const auto said = ::write(seal, &done, 1);
}

}  // namespace

InitProcess::InitProcess(const MountPlan& plan, const io::Descriptor& sockets) {
  Ties ties{open_pipe(), open_own_process(), open_socket_pair(), open_pipe()};
  Pipe report = open_pipe();
  // Inside it cannot be told any more what belongs to root.
  const auto checked = find_checked_files();
  // The files of capabilities' owners in /proc belong to root, the map's among them.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  pid_ = clone_init();
  if (pid_ < 0) refuse("a user namespace", errno);
  if (pid_ == 0) run(plan, checked, sockets.get(), std::move(ties), std::move(report));
  lifeline_ = std::move(ties.lifeline.write);
  seal_ = std::move(ties.seal.write);
  report_ = std::move(report.read);
  done_ = std::move(ties.done.read);
  try {
    map_ids();
  } catch (...) {
    kill();
    ::waitpid(pid_, nullptr, 0);
    throw;
  }
}

// Process 1 of a pid namespace ends after all others in it, the program among them; and that one is not gone before we
// have waited for it.
InitProcess::~InitProcess() {
  kill();
  while (pid_ >= 0) {
    const auto ended = ::waitpid(-1, nullptr, 0);
    if (ended == pid_ || (ended < 0 && errno == ECHILD)) forget();
  }
}

void InitProcess::kill() {
  killed_ = true;
  if (pid_ >= 0) ::kill(pid_, SIGKILL);
}

// All that exist here if we may, which takes CAP_SETUID; else our own.
void InitProcess::map_ids() {
  const auto directory = "/proc/" + std::to_string(pid_) + "/";
  const auto write = [&](const char* name, const std::string& text) {
    return write_id_map(AT_FDCWD, directory + name, text);
  };
  ids_ = {identity_map(io::file_contents("/proc/self/uid_map")), identity_map(io::file_contents("/proc/self/gid_map"))};
  if (!write("uid_map", ids_.users)) {
    ids_.users = single_id_map(::geteuid());
    if (!write("uid_map", ids_.users)) refuse("the user's id in a user namespace", errno);
  }
  if (!write("gid_map", ids_.groups)) {
    // user_namespaces(7): without CAP_SETGID only after setgroups(2) has been given up.
    write("setgroups", "deny");
    ids_.groups = single_id_map(::getegid());
    if (!write("gid_map", ids_.groups)) refuse("the group's id in a user namespace", errno);
  }
  drop_capabilities();
  const char go = 1;
  if (::write(lifeline_.get(), &go, 1) != 1) refuse("a user namespace", errno);
}

InitReport InitProcess::report() {
  std::string text;
  char buffer[1024];
  for (ssize_t size; (size = ::read(report_.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(size));
  }
  report_.close();
  if (text.size() >= report_head) return decode(text);
  return {io::ExitStatus::os_error, "the process that sets the namespace up has ended early", {}};
}

void InitProcess::complete_resolver(const std::string& lines) {
  if (lines.empty() || ::write(lifeline_.get(), lines.data(), lines.size()) < 0) return;
  // Its end of file, when the lines stand there; or the process has ended, which is seen elsewhere.
  char none = 0;
  while (::read(done_.get(), &none, 1) < 0 && errno == EINTR) {
  }
}

void InitProcess::run(const MountPlan& plan, const CheckedFiles& checked, int sockets, Ties ties, Pipe report) {
  ties.lifeline.write.close();
  ties.seal.write.close();
  ties.done.read.close();
  report.read.close();
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int lifeline = ties.lifeline.read.get();
  const int seal = ties.seal.read.get();
  close_all_but({sockets, lifeline, ties.owner.get(), seal, ties.done.write.get(), report.write.get()});
  close_standard_stream(STDIN_FILENO);
  close_standard_stream(STDOUT_FILENO);
  // Until our ids are mapped we may do nothing. No byte: our parent ended before we asked to be told of that.
  char go = 0;
  if (::read(lifeline, &go, 1) != 1) ::_exit(0);
  Covers covers(plan, checked);
  const auto outcome = attempt(covers, sockets);
  drop_capabilities_but_mounting();
  const auto text = encode(outcome);
  [[maybe_unused]] const auto written = ::write(report.write.get(), text.data(), text.size());
  report.write.close();
  close_standard_stream(STDERR_FILENO);
  if (outcome.status != io::ExitStatus::ok) ::_exit(static_cast<int>(outcome.status));
  const auto complete = [&](std::string_view lines) {
    covers.complete_resolver(lines);
    ties.done.write.close();
  };
  const bool covered = reap({lifeline, ties.owner.get(), seal, [seal] { become_unreachable(seal); }, complete, covers});
  ::_exit(covered ? 0 : bare);
}

}  // namespace tfunnel::client
