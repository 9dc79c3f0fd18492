// A host of two addresses, one of which does not answer.
#pragma once

#include <gtest/gtest.h>

#include <ostream>

#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {

struct DeadFirst {
  const char* dead;
  const char* alive;
};
inline void PrintTo(const DeadFirst& pair, std::ostream* out) { *out << pair.dead << " before " << pair.alive; }

/// The addresses of either family before those of the other, and of one family.
inline auto dead_before_alive() {
  return testing::Values(DeadFirst{"::1", own_address(1)}, DeadFirst{own_address(1), "::1"},
                         DeadFirst{own_address(1), own_address(2)});
}

}  // namespace tfunnel::test
