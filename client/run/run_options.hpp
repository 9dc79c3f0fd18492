// The command line of `tfunnel run`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "client/run/run_plan.hpp"
#include "common/app/arguments.hpp"
#include "common/app/options.hpp"

namespace tfunnel::client {

/// `run [options] -- PROGRAM [ARGS]`, taken apart.
struct RunWords {
  std::vector<const char*> options;  // the first is the program's name, as in argv
  std::vector<std::string> program;
};

struct RunOptions {
  LinkOptions link;
  std::vector<std::string> hide;
  std::vector<std::string> show;
  bool summary = false;
  bool no_seccomp = false;
};

/// The proxy's options about names.
struct RunNames {
  std::vector<std::string> resolvers;  // --resolver-address: what our far end answers at; empty: nowhere
  std::vector<std::string> servers;    // --dns
};

/// Those of the links not among them.
app::po::options_description run_description(RunOptions& options);

/// Takes out what is behind "--". Whether there is a program is not asked yet.
RunWords split_run_words(std::span<const char* const> words);

/// Throws app::UsageError for what makes no sense.
void check(const RunOptions& options, const RunWords& words, const app::CommonOptions& common, const RunNames& names);

/// The far end for a run without --via: this program as `tfunnel proxy`, with those of the options that `of_far_end`
/// describes.
std::vector<std::string> local_far_end(const RunWords& words, const app::po::options_description& all,
                                       const app::po::options_description& of_far_end);

/// The nameservers in the program's /etc/resolv.conf. REQUIRES: check() has passed.
std::vector<std::string> nameservers(const RunOptions& options, const RunNames& names);

/// Runs the program. The exit status is the program's, or that of our own failure; it may end by a signal as the
/// program did. Throws app::UsageError.
io::ExitStatus run_program(RunPlan plan);

}  // namespace tfunnel::client
