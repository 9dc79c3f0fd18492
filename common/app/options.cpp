#include "common/app/options.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/app/option_values.hpp"
#include "common/core/greeting.hpp"
#include "common/core/nearest.hpp"

namespace tfunnel::app {

namespace {

constexpr std::int64_t least_buffer = 1 << 20;
// More than machines have, and far from what cannot be counted any more.
constexpr std::int64_t most_buffer = std::int64_t{1} << 46;

/// Seconds from a one-line file of /proc, or the fallback.
core::Duration value_of(const char* path, core::Duration fallback) {
  double value = 0;
  return std::ifstream(path) >> value && value > 0 ? seconds(value) : fallback;
}

/// Option names use dashes inside; users may write underscores. Only the name part changes.
std::string dashed(std::string text) {
  const auto name_end = std::min(text.find('='), text.size());
  std::replace(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(name_end), '_', '-');
  return text;
}

std::vector<std::string> normalised(std::span<const char* const> words) {
  std::vector<std::string> arguments(words.begin() + 1, words.end());
  for (auto& argument : arguments) {
    if (argument == "--") break;
    if (argument.starts_with("--")) argument = dashed(argument);
  }
  return arguments;
}

/// In one line that a terminal can take, whatever somebody typed.
std::string shown(const po::error& error) {
  constexpr std::size_t longest = 300;
  return core::printable(error.what(), longest);
}

/// ", did you mean --linger?", or nothing. Single letters are near to everything.
std::string proposal(const std::string& option, const po::options_description& description,
                     const std::string& dashes = "--") {
  std::vector<std::string> known;
  for (const auto& one : description.options()) known.push_back(one->long_name());
  const auto start = std::min(option.find_first_not_of('-'), option.size());
  const auto meant = core::nearest(std::string_view(option).substr(start, option.find('=') - start), known);
  return meant ? ", did you mean " + dashes + *meant + "?" : "";
}

void read_config(const std::string& path, const po::options_description& description, po::variables_map& values) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path))
    throw UsageError("cannot read the configuration file " + path, io::ExitStatus::bad_config);
  std::stringstream text;
  for (std::string line; std::getline(file, line);) text << dashed(line) << '\n';
  try {
    po::store(po::parse_config_file(text, description), values);
  } catch (const po::unknown_option& error) {
    throw UsageError(path + ": " + shown(error) + proposal(error.get_option_name(), description, ""),
                     io::ExitStatus::bad_config);
  } catch (const po::error& error) {
    throw UsageError(path + ": " + shown(error), io::ExitStatus::bad_config);
  }
}

}  // namespace

io::LogLevel CommonOptions::level() const {
  if (verbose) return io::LogLevel::debug;
  return quiet ? io::LogLevel::warning : log_level;
}

po::options_description common_description(CommonOptions& options) {
  options.udp_timeout = value_of("/proc/sys/net/netfilter/nf_conntrack_udp_timeout", options.udp_timeout);
  options.udp_timeout_stream =
      value_of("/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream", options.udp_timeout_stream);
  po::options_description description("Both ends");
  using Level = io::LogLevel;
  using Format = io::LogFormat;
  using Mode = io::DataPathMode;
  auto add = description.add_options();
  add("help,h", po::bool_switch(&options.help), "show this help");
  add("version", po::bool_switch(&options.version), "show the version");
  add("verbose,v", po::bool_switch(&options.verbose), "log each flow (same as --log-level debug)");
  add("quiet,q", po::bool_switch(&options.quiet), "warnings and errors only (same as --log-level warning)");
  add("log-level",
      choice_value(options.log_level, {{"error", Level::error},
                                       {"warning", Level::warning},
                                       {"info", Level::info},
                                       {"debug", Level::debug},
                                       {"trace", Level::trace}}),
      "error, warning, info, debug or trace");
  add("log-format", choice_value(options.log_format, {{"text", Format::text}, {"json", Format::json}}),
      "text or json; logs go to standard error");
  add("udp-timeout", seconds_value(options.udp_timeout, Bound::positive), "seconds of silence until a UDP flow ends");
  add("udp-timeout-stream", seconds_value(options.udp_timeout_stream, Bound::positive),
      "the same for conversations: over 2 s old, two-way");
  add("buffer-size", number_value(options.buffer_size, least_buffer, most_buffer),
      "bytes that this process may keep for flows");
  add("data-path",
      choice_value(options.data_path, {{"auto", Mode::automatic}, {"splice", Mode::splice}, {"copy", Mode::copy}}),
      "auto, splice or copy: how payload passes through (auto is right)");
  add("keepalive", seconds_value(options.keepalive, Bound::zero_too),
      "seconds of silence before the far end is pinged; 0: never");
  add("keepalive-timeout", seconds_value(options.keepalive_timeout, Bound::positive),
      "seconds of silence before the link counts as dead");
  add("greeting-timeout", seconds_value(options.greeting_timeout, Bound::positive),
      "seconds to wait for the far end to start (a login)");
  add("linger", seconds_value(options.linger, Bound::zero_too),
      "seconds without progress until what is still to be delivered at the end is given up");
  add("tty", po::bool_switch(&options.tty), "the terminal is the link (a serial line): raw mode");
  add("config", po::value<std::string>(), "read options from a file, one `name=value` a line");
  return description;
}

po::parsed_options read_command_line(std::span<const char* const> words, const po::options_description& description) {
  const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  return po::command_line_parser(normalised(words)).options(description).style(style).run();
}

std::set<std::string> parse(std::span<const char* const> words, const po::options_description& description) {
  po::variables_map values;
  std::set<std::string> given;
  try {
    const auto parsed = read_command_line(words, description);
    for (const auto& option : parsed.options) {
      if (option.position_key >= 0)
        throw UsageError("'" + core::printable(option.value.front(), 100) + "' is no option; see --help");
      given.insert(option.string_key);
    }
    po::store(parsed, values);
  } catch (const po::unknown_option& error) {
    throw UsageError(shown(error) + proposal(error.get_option_name(), description) + "; see --help");
  } catch (const po::error& error) {
    throw UsageError(shown(error) + "; see --help");
  }
  if (values.contains("config")) read_config(values["config"].as<std::string>(), description, values);
  try {
    po::notify(values);
  } catch (const po::error& error) {
    throw UsageError(shown(error) + "; see --help");
  }
  return given;
}

void check(const CommonOptions& options) {
  if (options.verbose && options.quiet) throw UsageError("--verbose and --quiet exclude each other");
  const bool pings = options.keepalive > core::Duration::zero();
  if (pings && options.keepalive_timeout <= options.keepalive)
    throw UsageError("--keepalive-timeout must be longer than --keepalive, or no answer can come in time");
}

}  // namespace tfunnel::app
