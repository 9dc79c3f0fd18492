// Rules as nft(8) reads them, with words to be filled in.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tfunnel::client {

/// Words in capitals, with what they mean.
using RuleWords = std::span<const std::pair<const char*, std::string>>;

/// `text` with the meaning in place of each word that is among `words`; a word is as long as capitals, digits and
/// underscores go on.
std::string filled(std::string_view text, RuleWords words);

/// For a word that begins a line: without it the line is a comment.
std::string line_if(bool wanted);

}  // namespace tfunnel::client
