// Gathers what is known of this machine; changes and sends nothing.
#pragma once

#include "client/doctor/facts.hpp"

namespace tfunnel::client {

/// `nameservers` are those that programs of this machine ask. Throws boost::system::system_error if the kernel does not
/// tell of its routing.
DoctorFacts look_at_machine(const std::vector<core::Endpoint>& nameservers);

/// The same once more of rules and routing, which somebody may be restoring.
void look_again(DoctorFacts& facts);

}  // namespace tfunnel::client
