// The table that SIGUSR1 prints.
#pragma once

#include "common/core/mux.hpp"
#include "common/io/log.hpp"

namespace tfunnel::io {

/// As text a line a flow, ordered by id, then the counters; as JSON one object, which the manual describes. `link` is
/// the number of the link, 0 if there is only one.
void print_flow_table(const Log& log, std::size_t link, const core::Mux& mux, const core::MemoryBudget& budget);

/// In place of the table of a link that is down.
void print_no_flow_table(const Log& log, std::size_t link);

}  // namespace tfunnel::io
