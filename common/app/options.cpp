#include "common/app/options.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tfunnel::app {

namespace {

/// A number from a one-line file of /proc, or the fallback.
double value_of(const char* path, double fallback) {
  double value = 0;
  return std::ifstream(path) >> value && value > 0 ? value : fallback;
}

/// Option names use dashes inside; users may write underscores. Only the name part changes.
std::string dashed(std::string text) {
  const auto name_end = std::min(text.find('='), text.size());
  std::replace(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(name_end), '_', '-');
  return text;
}

std::vector<std::string> normalised(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  for (auto& argument : arguments) {
    if (argument == "--") break;
    if (argument.starts_with("--")) argument = dashed(argument);
  }
  return arguments;
}

void read_config(const std::string& path, const po::options_description& description, po::variables_map& values) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path))
    throw UsageError("cannot read the configuration file " + path, io::ExitStatus::bad_config);
  std::stringstream text;
  for (std::string line; std::getline(file, line);) text << dashed(line) << '\n';
  try {
    po::store(po::parse_config_file(text, description), values);
  } catch (const po::error& error) {
    throw UsageError(path + ": " + error.what(), io::ExitStatus::bad_config);
  }
}

void require(bool good, const std::string& what) {
  if (!good) throw UsageError(what);
}

}  // namespace

// Thirty years are for ever, and what the clock can still count.
core::Duration seconds(double value) {
  constexpr double longest = 1e9;
  return std::chrono::duration_cast<core::Duration>(std::chrono::duration<double>(std::min(value, longest)));
}

io::LogLevel CommonOptions::level() const {
  if (verbose) return io::LogLevel::debug;
  if (quiet) return io::LogLevel::warning;
  return *io::parse_log_level(log_level);
}

io::LogFormat CommonOptions::format() const { return log_format == "json" ? io::LogFormat::json : io::LogFormat::text; }

io::DataPathMode CommonOptions::data_path_mode() const {
  if (data_path == "copy") return io::DataPathMode::copy;
  return data_path == "splice" ? io::DataPathMode::splice : io::DataPathMode::automatic;
}

core::UdpTimeouts CommonOptions::udp_timeouts() const { return {seconds(udp_timeout), seconds(udp_timeout_stream)}; }

core::Keepalive::Limits CommonOptions::keepalive_limits() const {
  return {seconds(keepalive), seconds(keepalive_timeout)};
}

core::Drain::Limits CommonOptions::drain_limits() const { return {.linger = seconds(linger)}; }

po::options_description common_description(CommonOptions& options) {
  options.udp_timeout = value_of("/proc/sys/net/netfilter/nf_conntrack_udp_timeout", options.udp_timeout);
  options.udp_timeout_stream =
      value_of("/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream", options.udp_timeout_stream);
  po::options_description description("Both ends");
  const auto number = [](double& target) { return po::value(&target)->default_value(target); };
  const auto text = [](std::string& target) { return po::value(&target)->default_value(target); };
  auto add = description.add_options();
  add("help,h", po::bool_switch(&options.help), "show this help");
  add("version", po::bool_switch(&options.version), "show the version");
  add("verbose,v", po::bool_switch(&options.verbose), "log each flow (same as --log-level debug)");
  add("quiet,q", po::bool_switch(&options.quiet), "warnings and errors only (same as --log-level warning)");
  add("log-level", text(options.log_level), "error, warning, info, debug or trace");
  add("log-format", text(options.log_format), "text or json; logs go to standard error");
  add("udp-timeout", number(options.udp_timeout), "seconds of silence until a UDP flow ends");
  add("udp-timeout-stream", number(options.udp_timeout_stream), "the same for conversations: over 2 s old, two-way");
  add("buffer-size", po::value(&options.buffer_size)->default_value(options.buffer_size),
      "bytes that this process may keep for flows");
  add("data-path", text(options.data_path), "auto, splice or copy: how payload passes through (auto is right)");
  add("keepalive", number(options.keepalive), "seconds of silence before the far end is pinged; 0: never");
  add("keepalive-timeout", number(options.keepalive_timeout), "seconds of silence before the link counts as dead");
  add("greeting-timeout", number(options.greeting_timeout), "seconds to wait for the far end to start (a login)");
  add("linger", number(options.linger),
      "seconds without progress until what is still to be delivered at the end is given up");
  add("tty", po::bool_switch(&options.tty), "the terminal is the link (a serial line): raw mode");
  add("config", po::value<std::string>(), "read options from a file, one `name=value` a line");
  return description;
}

po::parsed_options read_command_line(int argc, const char* const* argv, const po::options_description& description) {
  const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  const po::positional_options_description none;
  return po::command_line_parser(normalised(argc, argv)).options(description).positional(none).style(style).run();
}

std::set<std::string> parse(int argc, const char* const* argv, const po::options_description& description) {
  po::variables_map values;
  std::set<std::string> given;
  try {
    const auto parsed = read_command_line(argc, argv, description);
    for (const auto& option : parsed.options) given.insert(option.string_key);
    po::store(parsed, values);
  } catch (const po::error& error) {
    throw UsageError(std::string(error.what()) + "; see --help");
  }
  if (values.contains("config")) read_config(values["config"].as<std::string>(), description, values);
  try {
    po::notify(values);
  } catch (const po::error& error) {
    throw UsageError(std::string(error.what()) + "; see --help");
  }
  return given;
}

void check(const CommonOptions& options) {
  constexpr std::int64_t least_buffer = 1 << 20;
  require(io::parse_log_level(options.log_level).has_value(),
          "--log-level is one of error, warning, info, debug, trace, not '" + options.log_level + "'");
  require(!options.verbose || !options.quiet, "--verbose and --quiet exclude each other");
  require(options.log_format == "text" || options.log_format == "json",
          "--log-format is text or json, not '" + options.log_format + "'");
  require(options.data_path == "auto" || options.data_path == "splice" || options.data_path == "copy",
          "--data-path is auto, splice or copy, not '" + options.data_path + "'");
  require(options.udp_timeout > 0 && options.udp_timeout_stream > 0, "UDP timeouts are seconds above 0");
  require(options.buffer_size >= least_buffer, "--buffer-size is at least 1048576 bytes");
  require(options.keepalive >= 0 && options.keepalive_timeout > 0,
          "--keepalive is 0 or more seconds, its timeout above 0");
  require(options.keepalive == 0 || options.keepalive_timeout > options.keepalive,
          "--keepalive-timeout must be longer than --keepalive, or no answer can come in time");
  require(options.greeting_timeout > 0, "--greeting-timeout is seconds above 0");
  require(options.linger >= 0, "--linger is seconds, 0 or more");
}

}  // namespace tfunnel::app
