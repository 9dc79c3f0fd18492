// Settings of this machine with which capture cannot work.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/rules/system_routing.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// A rule of somebody else's that takes one of our bits for its own mark: what is wrong, and how to mend it. Pure.
std::optional<std::string> clash_of_marks(const RoutingFacts& facts, const SystemMarks& marks);

/// Does the kernel take these rules? Nothing: it does; else what was wrong.
std::optional<std::string> try_rules(const SystemTerms& terms);

/// Bridges from which nothing forwarded can be captured: what is wrong, and how to mend it.
std::optional<std::string> lost_on_bridges(const RoutingFacts& facts, const SystemTerms& terms);

/// Interfaces that are named, and that there are none of; nothing is captured for their sake. Pure.
std::vector<std::string> missing_interfaces(const std::vector<std::string>& names,
                                            const std::vector<NetworkCard>& cards);

/// Throws app::UsageError, which says what is in the way and the line that mends it. Changes nothing.
void refuse_traps(const SystemTerms& terms, const io::Log& log);

}  // namespace tfunnel::client
