// `--name value...` options of one command; every option must be asked for, or it is an error.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace traffic {

struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class arguments {
 public:
  arguments(int argc, char** argv);  // without the program and command names

  std::string text(const std::string& name, const std::string& fallback);
  std::string required(const std::string& name);
  std::uint64_t number(const std::string& name, std::uint64_t fallback);
  double real(const std::string& name, double fallback);
  bool flag(const std::string& name);
  std::vector<std::string> list(const std::string& name, std::vector<std::string> fallback);
  std::string positional(const std::string& fallback);

  // Refuses options nobody asked for: a misspelt one must not silently weaken a test.
  void finish() const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> positional_;
  std::set<std::string> known_;
};

}  // namespace traffic
