#include "proxy/descriptor_reserve.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/io/errors.hpp"

namespace tfunnel::proxy {

namespace {

// A connection may take several: through a SOCKS5 proxy, or with an interceptor in it.
constexpr int most_at_once = 4;

/// The system gives out the lowest number that is free, so the next one tells how many are in use.
bool few_are_left() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  const auto kept = std::clamp<rlim_t>(limit.rlim_cur / 16, 16, 1024);
  const int next = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
  if (next < 0) return errno == EMFILE;
  ::close(next);
  return static_cast<rlim_t>(next) + kept >= limit.rlim_cur;
}

}  // namespace

bool DescriptorReserve::spare(const core::Flow* but) {
  return mux_ != nullptr &&
         mux_->spare_udp_flow(std::chrono::steady_clock::now(), core::UdpIdleList::Need::descriptor, but);
}

void DescriptorReserve::refill(const core::Flow* but) {
  for (int i = 0; i < most_at_once && few_are_left() && spare(but); ++i) {
  }
}

bool DescriptorReserve::relieve(const error_code& error, const core::Flow* but) {
  return io::reason_of(error) == core::Reason::resource_limit && spare(but);
}

}  // namespace tfunnel::proxy
