// Points in time and spans of it, as everything pure is told them.
#pragma once

#include <chrono>

namespace tfunnel::core {

using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

}  // namespace tfunnel::core
