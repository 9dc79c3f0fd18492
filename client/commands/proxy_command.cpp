#include <sstream>

#include "client/commands/answers.hpp"
#include "client/commands/client_options.hpp"
#include "client/commands/commands.hpp"
#include "client/commands/far_end.hpp"
#include "client/run/run_options.hpp"
#include "client/up/up_options.hpp"

namespace tfunnel::client {

namespace {

struct Options {
  app::CommonOptions common;
  FarEndOptions far_end;
};

std::string describe(std::span<const Subcommand>) {
  std::ostringstream text;
  Options options;
  text << "tfunnel proxy: the far end, on standard input and output\n\n"
          "  tfunnel proxy [options]\n\n"
          "The same as tfunnel without --port, also if a --config file names ports.\n\n"
       << far_end_description(options.far_end, options.common);
  return text.str();
}

io::ExitStatus run(const Invocation& invocation) {
  Options options;
  ClientOptions client;
  RunOptions run;
  UpOptions up;
  app::po::options_description all = far_end_description(options.far_end, options.common);
  app::po::options_description of_others;
  of_others.add(client_description(client)).add(run_description(run)).add(up_description(up));
  all.add(of_others);
  const auto given = app::parse(invocation.words, all);
  if (is_answered(options.common, proxy_command, invocation)) return io::ExitStatus::ok;
  for (const auto& option : of_others.options()) {
    if (given.contains(option->long_name()))
      throw app::UsageError("--" + option->long_name() + " is not for the proxy");
  }
  check(options.common, given);
  check(options.far_end.proxy);
  return run_far_end(options.common, options.far_end);
}

}  // namespace

const Subcommand proxy_command{"proxy", "the proxy, even if a --config file is a client's", describe, run};

}  // namespace tfunnel::client
