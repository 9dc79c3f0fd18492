// Networks as elements of nftables sets. Pure.
#pragma once

#include <string>

#include "common/core/reach.hpp"

namespace tfunnel::client {

/// `elements = { 192.0.2.0/24, ... }`, to stand in a set's definition; nothing for no networks.
std::string elements_clause(const core::Reach::Networks& networks);

/// nft(8) input: the set has these elements and no others.
std::string replace_elements(const std::string& table, const std::string& set, const core::Reach::Networks& networks);

}  // namespace tfunnel::client
