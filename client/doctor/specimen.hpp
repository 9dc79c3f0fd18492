// A packet as rules see it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/core/address.hpp"

namespace tfunnel::client {

/// A packet of a conversation. Of what is not known here any value may be meant.
struct Specimen {
  bool is_v4 = true;
  bool is_tcp = true;
  std::optional<std::string> in;  // network cards; empty: by none
  std::optional<std::string> out;
  std::optional<core::Address> from;
  std::optional<core::Address> to;
  std::optional<std::uint32_t> mark;
  std::uint32_t needed = 0;  // bits that no rule may take from the mark
  bool is_answer = false;    // the first one back
  std::optional<std::uint16_t> to_port = {};
};

}  // namespace tfunnel::client
