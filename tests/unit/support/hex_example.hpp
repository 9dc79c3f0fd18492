// The worked example of proto/PROTOCOL.md, read out of the document itself.
#pragma once

#include <istream>
#include <vector>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {

/// The bytes that each side writes, over all of its fenced blocks.
struct HexExample {
  Bytes client;
  Bytes proxy;
};

/// Takes the fenced code blocks marked ```hex client and ```hex proxy; the rest of a line after # is a
/// comment. Throws std::runtime_error for what is no hex.
HexExample read_hex_example(std::istream& document);

/// The frames behind the greeting. Throws std::runtime_error, saying where, if it does not parse.
std::vector<core::Parsed> parse_stream(const Bytes& bytes);

/// With its payload.
std::size_t frame_size(const core::Parsed& parsed);

}  // namespace tfunnel::test
