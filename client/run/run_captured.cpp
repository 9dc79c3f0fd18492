#include "client/run/run_captured.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "client/capture.hpp"
#include "client/run/descriptors.hpp"
#include "common/app/process.hpp"
#include "common/io/session.hpp"

namespace tfunnel::client {

app::po::options_description link_description(LinkOptions& options) {
  app::po::options_description description("Link");
  auto add = description.add_options();
  add("via", app::po::value(&options.via), "the command that runs the far end, such as 'ssh host tfunnel'");
  add("links", app::po::value(&options.links)->default_value(options.links), "how many links");
  add("link-wait", app::po::value(&options.link_wait)->default_value(options.link_wait), "seconds");
  return description;
}

namespace {

struct Command {
  pid_t pid;
  Pipe ends;  // read: its output; write: its input
};

Command start(const LinkOptions& options, const RunHooks& hooks) {
  Pipe to = open_pipe();
  Pipe from = open_pipe();
  std::vector<std::string> words = hooks.local_far_end;
  if (!options.via.empty()) words = {"sh", "-c", options.via};
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(to.read.get(), 0);
    ::dup2(from.write.get(), 1);
    std::signal(SIGTTOU, SIG_DFL);
    ::execv(options.via.empty() ? "/proc/self/exe" : "/bin/sh", pointers.data());
    ::_exit(127);
  }
  hooks.groups[0] = pid;
  return {pid, {std::move(from.read), std::move(to.write)}};
}

}  // namespace

io::ExitStatus run_captured(const app::CommonOptions& common, const LinkOptions& options, std::uint32_t /*mark*/,
                            const RunHooks& hooks) {
  const io::Log log(common.level(), common.format(), "tfunnel run");
  app::ignore_sigpipe();
  app::raise_descriptor_limit();
  asio::io_context context{1};
  Command command = start(options, hooks);
  io::Channel channel(context, command.ends.read.release(), command.ends.write.release(),
                      io::Channel::Ownership::channel);
  io::Session::Settings settings;
  settings.grace = std::chrono::milliseconds(1);
  auto session = std::make_shared<io::Session>(context, channel, settings, nullptr, log);
  io::ExitStatus status = io::ExitStatus::ok;
  session->on_end = [&](io::ExitStatus how) {
    status = how;
    context.stop();
  };
  std::unique_ptr<Capture> capture;
  session->on_ready = [&] {
    capture = std::make_unique<Capture>(
        context, hooks.sockets(), [&] { return session; }, hooks.is_local, common.udp_timeouts(), log);
    capture->set_mode(CaptureMode::serve);
    hooks.on_ready();
  };
  asio::signal_set signals(context, SIGTERM);
  signals.async_wait([&](error_code error, int) {
    if (!error) session->shut_down("terminated");
  });
  session->start();
  context.run();
  const bool ready = capture != nullptr;
  capture.reset();
  if (ready && status == io::ExitStatus::ok) {
    int how = 0;
    for (int i = 0; i < 1000 && ::waitpid(command.pid, &how, WNOHANG) == 0; ++i) ::usleep(500);
  }
  ::kill(-command.pid, SIGKILL);
  hooks.groups[0] = 0;
  std::_Exit(static_cast<int>(status));
}

}  // namespace tfunnel::client
