#include "traffic_args.hpp"

namespace traffic {

arguments::arguments(int argc, char** argv) {
  std::vector<std::string>* current = &positional_;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("--"))
      current = &values_[word.substr(2)];
    else
      current->push_back(word);
  }
}

std::vector<std::string> arguments::list(const std::string& name, std::vector<std::string> fallback) {
  known_.insert(name);
  const auto found = values_.find(name);
  return found == values_.end() ? fallback : found->second;
}

std::string arguments::text(const std::string& name, const std::string& fallback) {
  const auto values = list(name, {fallback});
  if (values.size() != 1) throw usage_error("--" + name + " takes one value");
  return values.front();
}

std::string arguments::required(const std::string& name) {
  const auto value = text(name, "");
  if (value.empty()) throw usage_error("--" + name + " is missing");
  return value;
}

std::uint64_t arguments::number(const std::string& name, std::uint64_t fallback) {
  const auto value = text(name, std::to_string(fallback));
  std::size_t used = 0;
  std::uint64_t result = 0;
  try {
    result = std::stoull(value, &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  if (used == 0 || used != value.size()) throw usage_error("--" + name + " takes a number");
  return result;
}

double arguments::real(const std::string& name, double fallback) {
  const auto value = text(name, std::to_string(fallback));
  try {
    return std::stod(value);
  } catch (const std::logic_error&) {
    throw usage_error("--" + name + " takes a number");
  }
}

bool arguments::flag(const std::string& name) {
  known_.insert(name);
  return values_.contains(name);
}

std::string arguments::positional(const std::string& fallback) {
  if (positional_.empty()) return fallback;
  const auto first = positional_.front();
  positional_.erase(positional_.begin());
  return first;
}

void arguments::finish() const {
  if (!positional_.empty()) throw usage_error("unexpected word: " + positional_.front());
  for (const auto& [name, values] : values_)
    if (!known_.contains(name)) throw usage_error("unknown option: --" + name);
}

}  // namespace traffic
