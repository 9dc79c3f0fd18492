// A parsed frame lies within the bytes, and parsing more of the same says the same.
#include <cstdlib>

#include "common/core/wire.hpp"

using namespace tfunnel::core;

namespace {

std::size_t whole_size(const Parsed& parsed) {
  if (const auto* control = std::get_if<ControlFrame>(&parsed)) return control->size;
  if (const auto* datagram = std::get_if<DatagramHeader>(&parsed)) return datagram->size + datagram->payload;
  if (const auto* data = std::get_if<DataHeader>(&parsed)) return data->size;
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  for (std::size_t at = 0; at < size;) {
    const auto parsed = parse_frame(bytes.subspan(at));
    if (!parsed || std::holds_alternative<NeedMore>(*parsed)) break;
    const auto used = whole_size(*parsed);
    if (used == 0 || used > size - at) std::abort();
    // A whole frame parses the same without what follows it.
    const auto again = parse_frame(bytes.subspan(at, used));
    if (!again || again->index() != parsed->index() || whole_size(*again) != used) std::abort();
    at += used;
  }
  return 0;
}
