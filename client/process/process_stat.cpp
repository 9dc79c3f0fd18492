#include "client/process/process_stat.hpp"

#include <algorithm>
#include <sstream>
#include <string>

#include "common/core/number.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace fs = std::filesystem;

// Behind the name in parentheses, which may contain anything.
std::optional<ProcessStat> process_stat(const fs::path& process) {
  const auto stat = io::file_contents((process / "stat").string());
  std::istringstream rest(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  ProcessStat found;
  if (!(rest >> found.state >> found.parent >> found.group)) return std::nullopt;
  return found;
}

void for_each_process(const std::function<void(pid_t pid, const fs::path& process)>& take) {
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    if (const auto pid = core::parse_all<pid_t>(at->path().filename().string())) take(*pid, at->path());
  }
}

}  // namespace tfunnel::client
