// What is right and wrong with this machine, by the facts. Pure.
#pragma once

#include "client/doctor/finding.hpp"
#include "client/doctor/situation.hpp"

namespace tfunnel::client {

// Each looks at one thing. Order matters to a reader only: what causes most comes first.
Findings check_rights(const Situation& situation);
Findings check_kernel(const Situation& situation);
Findings check_instance(const Situation& situation);
Findings check_listeners(const Situation& situation);
Findings check_rules(const Situation& situation);
/// Others' rules that are in the way of captured packets.
Findings check_others_rules(const Situation& situation);
Findings check_routing(const Situation& situation);
/// Others' routing rules that have our marks.
Findings check_marks(const Situation& situation);
/// A route for programs, without which they do not even try.
Findings check_ways(const Situation& situation);
/// `server` was named by --server.
Findings check_ipv6(const Situation& situation, const std::optional<core::Endpoint>& server);
Findings check_settings(const Situation& situation);
Findings check_names(const Situation& situation);
Findings check_descriptors(const Situation& situation);
Findings check_clock(const Situation& situation);

/// All of them.
Findings check_all(const Situation& situation, const std::optional<core::Endpoint>& server);

/// The line by which this machine asks one nameserver only.
std::string nameserver_line(const std::string& address);

/// The line that begins anew, with these options.
std::string up_line(const Situation& situation, const std::string& options = "");

}  // namespace tfunnel::client
