// The table that SIGUSR1 prints.
#pragma once

#include <boost/json/fwd.hpp>

#include "common/core/mux.hpp"
#include "common/io/log.hpp"

namespace tfunnel::io {

/// As text a line a flow, ordered by id, then the counters; as JSON one object, which the manual describes. `link` is
/// the number of the link, 0 if there is only one.
void print_flow_table(const Log& log, std::size_t link, const core::Mux& mux, const core::MemoryBudget& budget);

/// The object alone, with their number as `flows_now` and at most so many flows: those that carried most.
boost::json::object flow_table(const core::Mux& mux, const core::MemoryBudget& budget, std::size_t most_flows);

/// In place of the table of a link that is down.
void print_no_flow_table(const Log& log, std::size_t link);

}  // namespace tfunnel::io
