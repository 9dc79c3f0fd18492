#include <boost/json.hpp>

#include <iostream>
#include <sstream>

#include "client/commands/answers.hpp"
#include "client/commands/commands.hpp"
#include "client/process/capabilities.hpp"
#include "client/status/ask_status.hpp"
#include "client/status/status_text.hpp"
#include "common/core/text.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

// A process that is too busy to answer for so long does not serve its flows either.
constexpr auto patience = std::chrono::seconds(3);

struct Options {
  app::CommonOptions common;
  bool json = false;
};

app::po::options_description description_of(Options& options) {
  app::po::options_description description("Options");
  auto add = description.add_options();
  add("json", app::po::bool_switch(&options.json), "one array, an object for each that runs; see the manual");
  add("help,h", app::po::bool_switch(&options.common.help), "show this help");
  add("version", app::po::bool_switch(&options.common.version), "show the version");
  return description;
}

std::string describe(std::span<const Subcommand>) {
  std::ostringstream text;
  Options options;
  text << "tfunnel status: how the tunnels of this machine are doing\n\n"
          "  tfunnel status [--json]\n\n"
          "It asks each tfunnel up, run and -p of this user, root those of all users: links with their round trip and\n"
          "rate, rules with their counters, flows, and what was dropped and why.\n"
          "The exit status is 0 if one answers, 69 if none runs or none answers.\n\n"
       << description_of(options);
  return text.str();
}

/// Nothing: it did not answer, or nothing that this program understands.
std::optional<json::object> understood(const StatusAnswer& answer) {
  if (!answer.text) return std::nullopt;
  error_code error;
  auto value = json::parse(*answer.text, error);
  if (error || !value.is_object()) return std::nullopt;
  auto& object = value.as_object();
  object.insert_or_assign("user", answer.user);
  return std::move(object);
}

void say(const std::string& line) { std::cerr << "tfunnel status: " << line << '\n'; }

void say_silent(const StatusAnswer& answer) {
  const auto who =
      answer.process > 0 ? "process " + std::to_string(answer.process) : "nobody that can be seen from here";
  constexpr std::size_t longest_path = 200;
  say(core::one_line(answer.socket, longest_path) + " (" + who + ") does not answer: is it stopped?");
}

io::ExitStatus tell(const std::vector<StatusAnswer>& answers, bool as_json) {
  json::array all;
  std::string text;
  for (const auto& answer : answers) {
    auto object = understood(answer);
    if (!object) {
      say_silent(answer);
      continue;
    }
    text += (text.empty() ? "" : "\n") + status_text(*object);
    all.emplace_back(std::move(*object));
  }
  if (answers.empty()) say("no tfunnel runs here that may be asked; root may ask those of all users");
  const bool is_any = !all.empty();
  std::cout << (as_json ? json::serialize(all) + "\n" : text);
  return is_any ? io::ExitStatus::ok : io::ExitStatus::link_lost;
}

// Those who are asked want to see who we are, which a program with capabilities hides.
io::ExitStatus run(const Invocation& invocation) {
  Options options;
  app::parse(invocation.words, description_of(options),
             [&](const std::string& word) { return meaning_of(word, invocation.all); });
  if (is_answered(options.common, status_command, invocation)) return io::ExitStatus::ok;
  drop_capabilities();
  return tell(ask_status(patience), options.json);
}

}  // namespace

const Subcommand status_command{"status", "how those that run here are doing", describe, run};

}  // namespace tfunnel::client
