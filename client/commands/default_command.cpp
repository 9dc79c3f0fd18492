#include <sstream>

#include "client/commands/answers.hpp"
#include "client/commands/client_options.hpp"
#include "client/commands/commands.hpp"
#include "client/commands/far_end.hpp"

namespace tfunnel::client {

namespace {

struct Options {
  app::CommonOptions common;
  ClientOptions client;
  FarEndOptions far_end;
};

app::po::options_description description_of(Options& options) {
  app::po::options_description description;
  description.add(client_description(options.client)).add(far_end_description(options.far_end));
  description.add(app::common_description(options.common));
  return description;
}

std::string describe(std::span<const Subcommand> all) {
  std::ostringstream text;
  Options options;
  text << "tfunnel: captures TCP and UDP here and recreates it at the far end of any byte stream\n\n"
          "  tfunnel -p PORT   the client, on standard input and output\n"
          "  tfunnel           the proxy, on standard input and output\n"
       << list_of(all)
       << "\nJoin the two, for example:\n"
          "  socat EXEC:'tfunnel -p 12300' EXEC:'ssh host tfunnel'\n"
          "or let the client start the far end, and again whenever the link is lost:\n"
          "  tfunnel -p 12300 --via 'ssh -o ControlPath=none -o ServerAliveInterval=15 host tfunnel'\n\n"
       << description_of(options);
  return text.str();
}

// An option of the proxy's would have no effect on the client, and somebody would wait for it in vain. A file that
// --config names may serve both ends.
void refuse_for_client(const std::set<std::string>& given) {
  FarEndOptions ignored;
  const auto of_far_end = far_end_description(ignored);
  for (const auto& option : of_far_end.options()) {
    if (!given.contains(option->long_name())) continue;
    throw app::UsageError("--" + option->long_name() +
                          " is for the far end: give it to the tfunnel that has no --port");
  }
}

io::ExitStatus run(const Invocation& invocation) {
  Options options;
  const auto description = description_of(options);
  const auto given = app::parse(invocation.words, description,
                                [&](const std::string& word) { return meaning_of(word, invocation.all); });
  if (is_answered(options.common, default_command, invocation)) return io::ExitStatus::ok;
  check(options.common, given);
  check(options.far_end.proxy);
  check(options.client, options.common, given);
  if (options.client.ports.empty()) return run_far_end(options.common, options.far_end);
  refuse_for_client(given);
  return run_client(options.common, options.client);
}

}  // namespace

const Subcommand default_command{"", "", describe, run};

}  // namespace tfunnel::client
