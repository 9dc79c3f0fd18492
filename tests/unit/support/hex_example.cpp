#include "tests/unit/support/hex_example.hpp"

#include <sstream>
#include <stdexcept>

#include "common/core/greeting.hpp"

namespace tfunnel::test {

namespace {

void append_hex_line(Bytes& bytes, const std::string& line) {
  std::string digits;
  for (const char c : line.substr(0, line.find('#'))) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) continue;
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) throw std::runtime_error("no hex: " + line);
    digits.push_back(c);
  }
  if (digits.size() % 2 != 0) throw std::runtime_error("half a byte: " + line);
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
}

}  // namespace

std::size_t frame_size(const core::Parsed& parsed) {
  if (const auto* data = std::get_if<core::DataHeader>(&parsed)) return data->size + data->payload;
  if (const auto* datagram = std::get_if<core::DatagramHeader>(&parsed)) return datagram->size + datagram->payload;
  return std::get<core::ControlFrame>(parsed).size;
}

HexExample read_hex_example(std::istream& document) {
  HexExample example;
  Bytes* block = nullptr;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("```hex client")) {
      block = &example.client;
    } else if (line.starts_with("```hex proxy")) {
      block = &example.proxy;
    } else if (line.starts_with("```")) {
      block = nullptr;
    } else if (block != nullptr) {
      append_hex_line(*block, line);
    }
  }
  return example;
}

std::vector<core::Parsed> parse_stream(const Bytes& bytes) {
  core::GreetingSearch greeting;
  auto at = greeting.feed(bytes);
  if (greeting.verdict() != core::GreetingSearch::Verdict::found) throw std::runtime_error("no greeting");
  std::vector<core::Parsed> frames;
  while (at < bytes.size()) {
    const auto parsed = core::parse_frame(core::ByteView(bytes).subspan(at));
    const auto where = " at byte " + std::to_string(at);
    if (!parsed) throw std::runtime_error(parsed.error().message() + where);
    if (std::holds_alternative<core::NeedMore>(*parsed)) throw std::runtime_error("a frame is cut off" + where);
    at += frame_size(*parsed);
    if (at > bytes.size()) throw std::runtime_error("a payload is cut off" + where);
    frames.push_back(*parsed);
  }
  return frames;
}

}  // namespace tfunnel::test
