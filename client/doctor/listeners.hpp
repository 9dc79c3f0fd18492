// Who can be talked to here, and what settings files say. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "client/doctor/facts.hpp"

namespace tfunnel::client {

/// Sockets that wait for strangers, from a table of the kernel's such as /proc/net/tcp or /proc/net/udp6 (proc(5)).
std::set<Listener> listeners_in(std::string_view table, bool is_tcp);

/// The last value of `key` in the section, of an INI file as systemd reads it; empty: there is none.
std::string ini_value(std::string_view text, std::string_view section, std::string_view key);

}  // namespace tfunnel::client
