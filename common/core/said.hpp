// What somebody said in place of a greeting, for a person who looks for the reason.
#pragma once

#include <string>
#include <string_view>

namespace tfunnel::core {

/// In quotes. Sequences that move a terminal's cursor or set its colours and title are left out, other bytes that would
/// disturb it are escaped; of much, only the beginning and the end are shown, for a login begins with words of welcome
/// and ends with the question that nobody answers.
std::string what_was_said(std::string_view bytes);

}  // namespace tfunnel::core
