#include <sstream>

#include "client/commands/answers.hpp"
#include "client/commands/commands.hpp"
#include "client/up/up_options.hpp"

namespace tfunnel::client {

namespace {

std::string describe(std::span<const Subcommand>) {
  std::ostringstream text;
  app::CommonOptions common;
  text << "tfunnel down: ends tfunnel up, and opens the ways past the tunnel\n\n"
          "  tfunnel down [options]\n\n"
          "It removes the rules and the routing of an up that runs, was killed, or left them on purpose\n"
          "(--kill-switch persist), with the unit that makes them when the machine starts, and nothing else.\n\n"
       << app::common_description(common);
  return text.str();
}

io::ExitStatus run(const Invocation& invocation) {
  app::CommonOptions common;
  const auto given = app::parse(invocation.words, app::common_description(common),
                                [&](const std::string& word) { return meaning_of(word, invocation.all); });
  if (is_answered(common, down_command, invocation)) return io::ExitStatus::ok;
  check(common, given);
  return run_down(common);
}

}  // namespace

const Subcommand down_command{"down", "ends tfunnel up, and removes what it has left", describe, run};

}  // namespace tfunnel::client
