// The findings of `tfunnel doctor` for a person and for a program. Pure.
#pragma once

#include "client/doctor/finding.hpp"

namespace tfunnel::client {

/// A line for each, and below it what it means and what mends it. `only_faults`: without what is right or was left out.
std::string as_text(const Findings& findings, bool only_faults);

/// One object: `healthy`, and the array `checks` of objects with `check`, `verdict` (right, skipped, warning, wrong),
/// `what`, and where there is one `meaning` and `mend`.
std::string as_json(const Findings& findings, bool is_healthy);

/// Nothing is wrong; `strict`: nor is there a warning.
bool is_healthy(const Findings& findings, bool strict);

}  // namespace tfunnel::client
