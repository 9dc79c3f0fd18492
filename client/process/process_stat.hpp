// What the kernel tells of a process (proc(5)).
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>

namespace tfunnel::client {

struct ProcessStat {
  char state = '?';  // 'T': stopped by a signal
  pid_t parent = 0;
  pid_t group = 0;
};

/// `process` is its folder in /proc. Nothing: it has ended, or we may not know.
std::optional<ProcessStat> process_stat(const std::filesystem::path& process);

/// The folder of each process that can be seen.
void for_each_process(const std::function<void(pid_t pid, const std::filesystem::path& process)>& take);

}  // namespace tfunnel::client
