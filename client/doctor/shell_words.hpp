// Words of command lines that a person shall copy. Pure.
#pragma once

#include <string>

namespace tfunnel::client {

/// As the shell reads it as one word; in quotes only if it must.
std::string shell_word(const std::string& word);

}  // namespace tfunnel::client
