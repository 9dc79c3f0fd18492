// The same relay with read(2) and write(2): the least that a small message's round trip can take.
#include <unistd.h>

#include "relay.hpp"

namespace {

bool pump(int from, int to, std::byte* scratch) {
  const auto got = ::read(from, scratch, bench::kScratchSize);
  if (got <= 0) return false;
  for (ssize_t done = 0; done < got;) {
    const auto written = ::write(to, scratch + done, std::size_t(got - done));
    if (written <= 0) return false;
    done += written;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) { return bench::run_relay(argc, argv, {pump, false}); }
