// Times for what is given the time.
#pragma once

#include "common/core/time.hpp"

namespace tfunnel::test {

/// When a test begins: any time will do that is not the clock's own beginning.
constexpr core::Time start{std::chrono::hours(1)};

}  // namespace tfunnel::test
