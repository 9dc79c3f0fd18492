// Counts failures and tells the first reasons on stderr.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace traffic {

class failures {
 public:
  void add(const std::string& reason) {
    if (++count_ <= shown) std::fprintf(stderr, "traffic: %s\n", reason.c_str());
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  static constexpr std::uint64_t shown = 10;
  std::uint64_t count_ = 0;
};

}  // namespace traffic
