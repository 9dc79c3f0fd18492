// The name in a flow's first bytes is the same in any pieces, and always a host name.
#include <cstdlib>

#include "common/core/host_name.hpp"
#include "proxy/names/flow_sniffer.hpp"

using namespace tfunnel::core;

namespace {

/// Feeds pieces of `piece` bytes until there is a verdict.
void feed(FlowSniffer& sniffer, ByteView bytes, std::size_t piece) {
  while (!bytes.empty() && sniffer.verdict() == Sniffed::searching) {
    const auto now = bytes.first(std::min(piece, bytes.size()));
    sniffer.feed(now);
    bytes = bytes.subspan(now.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FlowSniffer whole;
  FlowSniffer pieces;
  feed(whole, {data, size}, size);
  feed(pieces, {data, size}, 1);
  if (whole.verdict() != pieces.verdict()) std::abort();
  if (whole.verdict() != Sniffed::found) return 0;
  if (whole.name() != pieces.name() || host_name(whole.name()) != whole.name()) std::abort();
  return 0;
}
