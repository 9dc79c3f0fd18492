#include "client/run/run_options.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "client/run/front.hpp"
#include "client/run/outside_services.hpp"
#include "client/status/status_places.hpp"
#include "common/app/option_values.hpp"
#include "common/core/address.hpp"

namespace tfunnel::client {

namespace {

constexpr const char* example =
    " tfunnel run --via 'ssh host tfunnel' -- curl https://example.com/; see tfunnel run --help";

// Whether the program's resolv.conf names the servers of --dns: else our far end asks them for it.
bool asks_itself(const RunOptions& options, const RunNames& names) {
  return !names.servers.empty() && (!options.link.via.empty() || names.resolvers.empty());
}

void check_names(const RunOptions& options, const RunNames& names) {
  if (names.resolvers.empty() && names.servers.empty()) {
    throw app::UsageError("with --resolver-address none the program needs a nameserver: give it one with --dns");
  }
  if (!asks_itself(options, names)) return;
  const std::string when = options.link.via.empty() ? "with --resolver-address none" : "with --via";
  for (const auto& server : names.servers) {
    if (core::Address::parse(server)) continue;
    if (server == "virtual") throw app::UsageError(when + ", --dns virtual is for the far end's command line");
    throw app::UsageError(when + ", --dns is an address without a port (resolv.conf(5) knows none), not " +
                          app::in_quotes(server));
  }
}

void check_paths(const RunOptions& options) {
  for (const auto& path : options.hide) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) throw app::UsageError("--hide " + path + ": there is no such file");
  }
  const auto hidden_but = [](const std::vector<std::string>& shown) {
    return outside_services(own_runtime_directory(), shown).size();
  };
  for (const auto& path : options.show) {
    if (hidden_but({path}) == hidden_but({}))
      throw app::UsageError("--show " + path + ": nothing there is hidden of itself");
  }
}

}  // namespace

app::po::options_description run_description(RunOptions& options) {
  app::po::options_description description("Run");
  auto add = description.add_options();
  const auto is_absolute = [](std::string_view path) { return path.starts_with('/'); };
  add("hide", app::words_value(options.hide, is_absolute, "an absolute path"),
      "a directory or socket that the program shall not reach (a service that would use the network for it); may be "
      "repeated");
  add("show", app::words_value(options.show, is_absolute, "an absolute path"),
      "one of the services that are hidden anyway (the system's D-Bus, Docker, Podman, libvirt and the like) and shall "
      "not be; may be repeated");
  add("summary", app::po::bool_switch(&options.summary),
      "print at the end what passed, by destination: connections, bytes, refused and why");
  add("no-seccomp", app::po::bool_switch(&options.no_seccomp),
      "let the program make system calls that lead around the tunnel: sockets other than UNIX, IP and netlink, "
      "io_uring, the kernel's keys, typing into its terminal (TIOCSTI)");
  return description;
}

RunWords split_run_words(std::span<const char* const> words) {
  const auto is_end = [](const char* word) { return std::strcmp(word, "--") == 0; };
  const auto end = std::ranges::find_if(words, is_end);
  RunWords split;
  split.options.assign(words.begin(), end);
  if (end != words.end()) split.program.assign(end + 1, words.end());
  return split;
}

void check(const RunOptions& options, const RunWords& words, const app::CommonOptions& common, const RunNames& names) {
  if (words.program.empty())
    throw app::UsageError(std::string("the program to run stands behind --, as in:") + example);
  if (common.tty) throw app::UsageError("run makes its own link: --tty has no place here");
  check_paths(options);
  check_names(options, names);
}

std::vector<std::string> local_far_end(const RunWords& words, const app::po::options_description& all,
                                       const app::po::options_description& of_far_end) {
  std::vector<std::string> command{"tfunnel", "proxy"};
  const auto parsed = app::read_command_line(words.options, all);
  bool says_how_much = false;
  for (const auto& option : parsed.options) {
    const auto& key = option.string_key;
    says_how_much = says_how_much || key == "verbose" || key == "quiet" || key == "log-level";
    if (of_far_end.find_nothrow(option.string_key, false) == nullptr) continue;
    command.insert(command.end(), option.original_tokens.begin(), option.original_tokens.end());
  }
  // That it serves, and that it ends, goes without saying here.
  if (!says_how_much) command.emplace_back("--quiet");
  return command;
}

std::vector<std::string> nameservers(const RunOptions& options, const RunNames& names) {
  return asks_itself(options, names) ? names.servers : names.resolvers;
}

// The directory of the client's own status socket is there before the program's mount namespace, in which it is
// covered.
io::ExitStatus run_program(RunPlan plan) {
  if (const auto place = own_status_place()) plan.mounts.hide.push_back(place->path);
  const io::Log log(plan.common.level(), plan.common.log_format, "tfunnel run");
  return static_cast<io::ExitStatus>(Front(plan, log).run());
}

}  // namespace tfunnel::client
