#include <sstream>

#include "client/commands/answers.hpp"
#include "client/commands/commands.hpp"
#include "client/commands/far_end.hpp"
#include "client/run/run_options.hpp"

namespace tfunnel::client {

namespace {

struct Options {
  app::CommonOptions common;
  RunOptions run;
  FarEndOptions far_end;
};

app::po::options_description description_of(Options& options) {
  app::po::options_description description;
  description.add(run_description(options.run)).add(link_description(options.run.link));
  description.add(far_end_description(options.far_end, options.common));
  return description;
}

std::string describe(std::span<const Subcommand>) {
  std::ostringstream text;
  Options options;
  text << "tfunnel run: a program whose whole network is the tunnel\n\n"
          "  tfunnel run --via COMMAND [options] -- PROGRAM [ARGUMENTS]\n"
          "  tfunnel run [options, also the proxy's] -- PROGRAM [ARGUMENTS]\n\n"
          "COMMAND starts the far end, for example:\n"
          "  tfunnel run --via 'ssh -o ControlPath=none -o ServerAliveInterval=15 host tfunnel' -- curl "
          "https://example.com/\n"
          "Without --via the far end runs on this machine, which is of use with --http-proxy and the like.\n"
          "No root is needed. The exit status is the program's. All that it sent is delivered before this ends\n"
          "(--linger); 75 if the program's status is 0, but not all was.\n"
          "Signals reach the program, but SIGUSR1: it prints the flows.\n\n"
       << description_of(options);
  return text.str();
}

// Without dashes it is the program's name, or the far end's.
std::string meant_by(const std::string& word, const RunWords& words, const Invocation& invocation) {
  if (!words.program.empty()) return "";
  const auto meant = word.find('@') == std::string::npos ? "" : meaning_of(word, invocation.all);
  return meant.empty() ? "the program to run stands behind --, as in: tfunnel run --via 'ssh host tfunnel' -- " + word
                       : meant;
}

RunNames names_of(const proxy::NameOptions& options) {
  RunNames names{options.resolver_addresses, options.dns};
  if (options.resolver().empty()) names.resolvers.clear();
  return names;
}

io::ExitStatus run(const Invocation& invocation) {
  Options options;
  const auto words = split_run_words(invocation.words);
  const auto description = description_of(options);
  const auto given = app::parse(words.options, description,
                                [&](const std::string& word) { return meant_by(word, words, invocation); });
  if (is_answered(options.common, run_command, invocation)) return io::ExitStatus::ok;
  check(options.common, given);
  check(options.far_end.proxy);
  const auto names = names_of(options.far_end.proxy.names);
  check(options.run, words, options.common, names);
  if (options.far_end.source.preserve) {
    throw app::UsageError("run has no address of its own that servers could answer to: no --preserve-source");
  }
  if (options.run.link.via.empty()) {
    check_far_end(options.far_end);
  } else {
    refuse_for_near_end(given, "dns");
  }
  return run_program({options.common,
                      options.run.link,
                      {options.run.hide, nameservers(options.run, names), options.run.show},
                      local_far_end(words, description, far_end_description(options.far_end, options.common)),
                      words.program,
                      !options.run.no_seccomp,
                      options.run.summary});
}

}  // namespace

const Subcommand run_command{"run", "a program whose whole network is the tunnel: see tfunnel run --help", describe,
                             run};

}  // namespace tfunnel::client
