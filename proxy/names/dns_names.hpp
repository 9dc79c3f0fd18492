// The addresses in a DNS answer, for the table of names.
#pragma once

#include "proxy/dns/dns_message.hpp"
#include "proxy/names/name_table.hpp"

namespace tfunnel::proxy {

/// Puts the addresses of an A or AAAA answer into `table` under the name that was asked for, whatever aliases (CNAME)
/// lie between. Anything else changes nothing.
void learn_names(NameTable& table, core::ByteView answer, core::Time now);

}  // namespace tfunnel::proxy
