// The command line that both programs share.
#pragma once

#include <boost/program_options.hpp>

#include <chrono>
#include <functional>
#include <iosfwd>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/app/usage_error.hpp"
#include "common/core/time.hpp"
#include "common/io/data_path.hpp"
#include "common/io/exit_status.hpp"
#include "common/io/log.hpp"

namespace tfunnel::app {

namespace po = boost::program_options;

/// Options that both ends have.
struct CommonOptions {
  bool help = false;
  bool version = false;
  bool verbose = false;
  bool quiet = false;
  std::string config;
  bool tty = false;  // the terminal on stdin and stdout is the link
  io::LogLevel log_level = io::LogLevel::info;
  io::LogFormat log_format = io::LogFormat::text;
  io::DataPathMode data_path = io::DataPathMode::automatic;
  core::Duration udp_timeout = std::chrono::seconds(30);  // the kernel's conntrack value where there is one
  core::Duration udp_timeout_stream = std::chrono::seconds(120);
  std::int64_t buffer_size = 128 << 20;                 // bytes
  core::Duration keepalive = std::chrono::seconds(20);  // zero: off
  core::Duration keepalive_timeout = std::chrono::seconds(60);
  core::Duration greeting_timeout = std::chrono::seconds(120);
  core::Duration linger = std::chrono::seconds(60);

  [[nodiscard]] io::LogLevel level() const;
};

/// The options of CommonOptions; `options` must outlive the parse.
po::options_description common_description(CommonOptions& options);

/// The command line taken apart; the first word is the program's name. Names may be written with dashes or underscores.
/// Throws po::error. `description` must outlive the result.
po::parsed_options read_command_line(std::span<const char* const> words, const po::options_description& description);

/// What a word may have been meant for that is no option and no value of one; empty: nothing comes to mind.
using Explain = std::function<std::string(const std::string& word)>;

/// Reads the command line, then the file that --config names (the command line wins). Names may be
/// written with dashes or underscores. Returns which ones the command line itself gives. Throws UsageError, which names
/// the nearest known option for one that there is not, and says of another word what `explain` does.
std::set<std::string> parse(std::span<const char* const> words, const po::options_description& description,
                            const Explain& explain = {});

/// Throws UsageError for values that make no sense together; `given` is what the command line names.
void check(const CommonOptions& options, const std::set<std::string>& given = {});

}  // namespace tfunnel::app
