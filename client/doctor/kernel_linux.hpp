// Which of the things that rules need this kernel has.
#pragma once

#include "client/doctor/facts.hpp"

namespace tfunnel::client {

/// Asks the kernel whether it would take rules, and changes nothing; it may load modules for that, as for any rule.
FeatureFacts look_at_features();

}  // namespace tfunnel::client
