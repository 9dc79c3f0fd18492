// The table that SIGUSR1 prints.
#pragma once

#include <string>

#include "common/core/mux.hpp"

namespace tfunnel::io {

/// One line a flow, ordered by id, then the counters.
std::string flow_table(const core::Mux& mux, const core::MemoryBudget& budget);

}  // namespace tfunnel::io
