#include "proxy/io/descriptor_reserve.hpp"

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

struct Descriptors {
  rlim_t left = 0;  // of those that are not kept
  rlim_t kept = 0;  // for what cannot wait until a flow gave way
};

/// The system gives out the lowest number that is free, so the next one tells how many are in use.
Descriptors ask_system() {
  rlimit limit{};
  constexpr rlim_t plenty = 1U << 20;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {plenty, plenty};
  const auto most = std::min<rlim_t>(limit.rlim_cur, plenty);  // RLIM_INFINITY is the greatest number
  const auto kept = std::clamp<rlim_t>(most / 16, 16, 1024);
  const int next = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
  if (next < 0) return {errno == EMFILE ? 0 : plenty, kept};
  ::close(next);
  const auto used = static_cast<rlim_t>(next) + kept;
  return {used < most ? most - used : 0, kept};
}

}  // namespace

// Numbers are free here and there, so what is left is an estimate: the next connections are let through unasked only
// as far as they take less than half of it, and little of what is kept.
bool DescriptorReserve::few_are_left() {
  if (promised_ > 0) {
    --promised_;
    return false;
  }
  const auto now = ask_system();
  promised_ = static_cast<int>(std::min(now.left / 2, now.kept / 4) / most_at_once);
  return now.left == 0;
}

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
