#include "client/doctor/report.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "common/core/text.hpp"

namespace tfunnel::client {

namespace {

constexpr std::size_t longest_line = 2000;

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::right: return "right";
    case Verdict::skipped: return "skipped";
    case Verdict::warning: return "warning";
    case Verdict::wrong: break;
  }
  return "wrong";
}

// Names of others' tables and programs stand in it: a terminal gets none of their control characters.
std::string line(std::string begin, const std::string& text) {
  constexpr std::size_t column = 9;
  begin.resize(std::max(column, begin.size()), ' ');
  return begin + core::one_line(text, longest_line) + "\n";
}

}  // namespace

std::string as_text(const Findings& findings, bool only_faults) {
  std::string text;
  for (const auto& one : findings) {
    if (only_faults && one.verdict < Verdict::warning) continue;
    text += line(name_of(one.verdict), one.check + ": " + one.what);
    if (!one.meaning.empty()) text += line("", one.meaning);
    if (!one.mend.empty()) text += line("  mend:", one.mend);
  }
  return text;
}

std::string as_json(const Findings& findings, bool is_healthy) {
  boost::json::array checks;
  for (const auto& one : findings) {
    boost::json::object object{{"check", one.check}, {"verdict", name_of(one.verdict)}, {"what", one.what}};
    if (!one.meaning.empty()) object.emplace("meaning", one.meaning);
    if (!one.mend.empty()) object.emplace("mend", one.mend);
    checks.push_back(std::move(object));
  }
  return boost::json::serialize(boost::json::object{{"healthy", is_healthy}, {"checks", std::move(checks)}}) + "\n";
}

bool is_healthy(const Findings& findings, bool strict) {
  const auto least = strict ? Verdict::warning : Verdict::wrong;
  return std::ranges::none_of(findings, [least](const auto& one) { return one.verdict >= least; });
}

}  // namespace tfunnel::client
