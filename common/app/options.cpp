#include "common/app/options.hpp"

#include <algorithm>
#include <fstream>

#include "common/app/config_file.hpp"
#include "common/app/option_names.hpp"
#include "common/app/option_values.hpp"

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

std::vector<std::string> normalised(std::span<const char* const> words) {
  std::vector<std::string> arguments(words.begin() + 1, words.end());
  for (auto& argument : arguments) {
    if (argument == "--") break;
    if (argument.starts_with("--")) argument = dashed(argument);
  }
  return arguments;
}

/// The error's words, but of an option that there is not only its name: the value behind it may be a secret.
std::string shown(const po::error& error, const po::options_description& description) {
  const auto* const unknown = dynamic_cast<const po::unknown_option*>(&error);
  if (unknown == nullptr) return error.what();
  auto name = unknown->get_option_name();
  name.resize(std::min(name.find('='), name.size()));
  return "unrecognised option " + in_quotes(name) + proposal(name, description, "--");
}

/// The first word that is neither an option nor the value of one, and where it stands: behind an option that takes one
/// word, and of which it may be the rest.
[[noreturn]] void refuse_word(const std::vector<po::option>& options, std::size_t at, const Explain& explain) {
  const auto word = options[at].value.front();
  auto said = in_quotes(word) + " is no option";
  const auto meant = explain ? explain(word) : "";
  if (!meant.empty()) throw UsageError(said + ": " + meant);
  if (at > 0 && options[at - 1].position_key < 0 && !options[at - 1].value.empty())
    said += ", and if it belongs to --" + options[at - 1].string_key + ", all of that stands in quotes";
  throw UsageError(said + "; see --help");
}

void refuse_words(const po::parsed_options& parsed, const Explain& explain) {
  for (std::size_t i = 0; i < parsed.options.size() && !parsed.options[i].unregistered; ++i) {
    if (parsed.options[i].position_key >= 0) refuse_word(parsed.options, i, explain);
  }
}

po::command_line_parser parser(const std::vector<std::string>& words, const po::options_description& description) {
  const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  auto made = po::command_line_parser(words);
  made.options(description).style(style);
  return made;
}

/// An unknown option may be that of a program whose name stands before it: then it is this name that is wrong here.
po::parsed_options read(std::span<const char* const> words, const po::options_description& description,
                        const Explain& explain) {
  const auto normal = normalised(words);
  try {
    auto parsed = parser(normal, description).run();
    refuse_words(parsed, explain);
    return parsed;
  } catch (const po::unknown_option&) {
    refuse_words(parser(normal, description).allow_unregistered().run(), explain);
    throw;
  }
}

}  // namespace

io::LogLevel CommonOptions::level() const {
  if (verbose) return std::max(log_level, io::LogLevel::debug);
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
  add("buffer-size", number_value(options.buffer_size, least_buffer, most_buffer, " bytes"),
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
  add("config", text_value(options.config, "arg"), "read options from a file, one `name=value` a line");
  return description;
}

po::parsed_options read_command_line(std::span<const char* const> words, const po::options_description& description) {
  return parser(normalised(words), description).run();
}

std::set<std::string> parse(std::span<const char* const> words, const po::options_description& description,
                            const Explain& explain) {
  po::variables_map values;
  std::set<std::string> given;
  try {
    const auto parsed = read(words, description, explain);
    for (const auto& option : parsed.options) given.insert(option.string_key);
    po::store(parsed, values);
  } catch (const po::error& error) {
    throw UsageError(shown(error, description) + "; see --help");
  }
  if (given.contains("config")) read_config_file(values["config"].as<std::string>(), description, values);
  po::notify(values);
  return given;
}

void check(const CommonOptions& options, const std::set<std::string>& given) {
  if (options.verbose && options.quiet) throw UsageError("--verbose and --quiet exclude each other");
  const bool says_level = given.contains("log-level");
  if (says_level && options.verbose && options.log_level < io::LogLevel::debug)
    throw UsageError("--verbose and a --log-level below debug exclude each other");
  if (says_level && options.quiet && options.log_level != io::LogLevel::warning)
    throw UsageError("--quiet and a --log-level other than warning exclude each other");
  const bool pings = options.keepalive > core::Duration::zero();
  if (pings && options.keepalive_timeout <= options.keepalive)
    throw UsageError("--keepalive-timeout must be longer than --keepalive, or no answer can come in time");
  if (!pings && given.contains("keepalive-timeout"))
    throw UsageError("--keepalive-timeout has no meaning with --keepalive 0: the link never counts as dead");
}

}  // namespace tfunnel::app
