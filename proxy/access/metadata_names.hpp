// The names of the clouds' metadata services.
#pragma once

#include <string_view>
#include <vector>

#include "common/core/address.hpp"

namespace tfunnel::proxy {

/// The addresses of the metadata service that `name` is known for, in any case and with or without a dot at the end;
/// those that `name` is itself, if it is an address; else none.
std::vector<core::Address> addresses_of_metadata(std::string_view name);

}  // namespace tfunnel::proxy
