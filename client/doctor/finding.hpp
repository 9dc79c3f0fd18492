// What `tfunnel doctor` says of one thing that it has looked at.
#pragma once

#include <string>
#include <vector>

namespace tfunnel::client {

enum class Verdict {
  right,
  skipped,  // nobody could look, or nothing was asked for
  warning,  // works, but not all of it, or not for long
  wrong
};

struct Finding {
  Verdict verdict = Verdict::right;
  std::string check;    // one of a few words by which checks are known
  std::string what;     // what is so
  std::string meaning;  // what comes of it; empty: nothing
  std::string mend;     // a command line, as root; COMMAND stands for the one that starts the far end. Empty: none does
};

using Findings = std::vector<Finding>;

/// Behind the others.
inline void append(Findings& all, Findings more) {
  for (auto& one : more) all.push_back(std::move(one));
}

}  // namespace tfunnel::client
