#include "client/status/status_text.hpp"

#include <array>
#include <boost/json.hpp>
#include <cstdio>

#include "common/core/text.hpp"
#include "common/io/json_words.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;
using io::number;
using io::part;
using io::truth;
using json::object;

constexpr std::size_t longest_word = 300;

std::string word(const object& from, const char* member) {
  return core::one_line(io::word(from, member), longest_word);
}

/// The objects of a list; what else stands in it is left out.
std::vector<const object*> parts(const object& from, const char* member) {
  std::vector<const object*> found;
  const auto* value = from.if_contains(member);
  const auto* list = value != nullptr ? value->if_array() : nullptr;
  if (list == nullptr) return found;
  for (const auto& one : *list) {
    if (one.is_object()) found.push_back(&one.as_object());
  }
  return found;
}

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

std::string count_text(double count) { return formatted("%.0f", count); }

/// "2 d 3 h", "4 min 5 s".
std::string span_text(double seconds) {
  constexpr double minute = 60;
  constexpr double hour = 60 * minute;
  constexpr double day = 24 * hour;
  const auto two = [seconds](double large, const char* name, double small, const char* small_name) {
    const auto whole = static_cast<std::uint64_t>(seconds / large);
    const auto rest = static_cast<std::uint64_t>((seconds - static_cast<double>(whole) * large) / small);
    return std::to_string(whole) + name + std::to_string(rest) + small_name;
  };
  if (!(seconds >= minute && seconds < 1e12)) return formatted("%.1f s", seconds);
  if (seconds < hour) return two(minute, " min ", 1, " s");
  return seconds < day ? two(hour, " h ", minute, " min") : two(day, " d ", hour, " h");
}

std::string size_text(double bytes) {
  constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  return formatted(unit == 0 ? "%.0f " : "%.1f ", bytes) + units[unit];
}

std::string since_text(const object& from) {
  const auto since = word(from, "since");
  return since.empty() ? "" : " for " + span_text(number(from, "seconds")) + " (since " + since + ")";
}

std::string head_text(const object& instance) {
  const auto command = word(instance, "command");
  auto text = (command == "client" ? std::string("tfunnel -p") : "tfunnel " + command) + ": process " +
              count_text(number(instance, "process"));
  if (instance.contains("user")) text += " of user " + count_text(number(instance, "user"));
  if (const auto program = word(instance, "program"); !program.empty()) text += ", runs " + program;
  return text + ", " + word(instance, "software") + ", runs" + since_text(instance) + "\n";
}

// Both are 0 before anything was measured.
std::string pacing_text(const object& link) {
  const auto* pacing = part(link, "pacing");
  if (pacing == nullptr) return "";
  const auto rate = number(*pacing, "bytes_per_second");
  const auto round_trip = number(*pacing, "round_trip_ms");
  return "    round trip " + (round_trip > 0 ? formatted("%.1f ms", round_trip) : "not measured yet") +
         (rate > 0 ? ", at most " + size_text(rate) + "/s" : ", rate not measured yet") + ", in flight " +
         size_text(number(*pacing, "in_flight")) + " of " + size_text(number(*pacing, "bound")) + "\n";
}

std::string link_text(const object& link) {
  auto text = "  link " + count_text(number(link, "link")) + ": " + (truth(link, "up") ? "up" : "down") +
              since_text(link) + ", restarts: " + count_text(number(link, "restarts")) + "\n";
  if (const auto far_end = word(link, "far_end"); !far_end.empty()) text += "    far end: " + far_end + "\n";
  if (const auto trouble = word(link, "trouble"); !trouble.empty()) text += "    last trouble: " + trouble + "\n";
  text += pacing_text(link);
  if (!truth(link, "up")) return text;
  return text + "    sent " + size_text(number(link, "sent")) + ", received " + size_text(number(link, "received")) +
         ", flows: " + count_text(number(link, "flows_now")) + " now, " + count_text(number(link, "flows_opened")) +
         " in all\n";
}

std::string flow_text(const object& flow) {
  const auto destination = word(flow, "destination");
  auto text = "    flow " + count_text(number(flow, "flow")) + "  " + word(flow, "transport") + " " +
              word(flow, "source") + (destination.empty() ? "" : " -> " + destination) + "  sent " +
              count_text(number(flow, "sent")) + "  received " + count_text(number(flow, "received"));
  if (truth(flow, "end_sent")) text += "  [we ended]";
  if (truth(flow, "end_received")) text += "  [far end ended]";
  if (const auto state = word(flow, "state"); !state.empty()) text += "  [" + state + "]";
  return text + "\n";
}

std::string flows_text(const object& link) {
  const auto flows = parts(link, "flows");
  if (flows.empty()) return "";
  auto text = "  flows of link " + count_text(number(link, "link")) + ":\n";
  for (const auto* flow : flows) text += flow_text(*flow);
  const auto left_out = number(link, "flows_now") - static_cast<double>(flows.size());
  if (left_out > 0) text += "    and " + count_text(left_out) + " that have carried less (SIGUSR1 prints all)\n";
  return text;
}

std::string rules_text(const object& rules) {
  auto text = std::string("  rules: ") + (truth(rules, "stand") ? "they stand" : "there are none now") +
              ", kill switch " + word(rules, "kill_switch") + "; " + word(rules, "captured") + "\n";
  for (const auto* counter : parts(rules, "counters")) {
    auto line = "    " + count_text(number(*counter, "packets")) + " packets, " + size_text(number(*counter, "bytes"));
    line.resize(std::max<std::size_t>(line.size(), 36), ' ');
    text += line + "  " + word(*counter, "name") + ": " + word(*counter, "meaning") + "\n";
  }
  return text;
}

std::string dropped_text(const object& instance) {
  std::string text;
  for (const auto* one : parts(instance, "dropped")) {
    text += "    " + count_text(number(*one, "count")) + " " + word(*one, "what") + ": " + word(*one, "why") + "\n";
  }
  return text.empty() ? "  dropped or refused: nothing\n" : "  dropped or refused:\n" + text;
}

}  // namespace

std::string status_text(const object& instance) {
  auto text = head_text(instance);
  const auto links = parts(instance, "links");
  for (const auto* link : links) text += link_text(*link);
  text += "  new connections: " + word(instance, "new_connections") + "\n";
  if (const auto* rules = part(instance, "rules")) text += rules_text(*rules);
  text += dropped_text(instance);
  for (const auto* link : links) text += flows_text(*link);
  return text;
}

}  // namespace tfunnel::client
