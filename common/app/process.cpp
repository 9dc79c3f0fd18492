#include "common/app/process.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>

namespace tfunnel::app {

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 20));
}

void ignore_sigpipe() { std::signal(SIGPIPE, SIG_IGN); }

void hear_no_more_signals() {
  sigset_t ending;
  ::sigemptyset(&ending);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) ::sigaddset(&ending, number);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
}

std::string reason_of_signal(int number) {
  return number == SIGINT ? "interrupted" : number == SIGHUP ? "hung up" : "terminated";
}

}  // namespace tfunnel::app
