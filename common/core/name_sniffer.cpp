#include "common/core/name_sniffer.hpp"

#include <cassert>

namespace tfunnel::core {

NameSniffer::NameSniffer(Search search)
    : coroutine_([this, search](ByteSource::Coroutine::pull_type& bytes) {
        ByteSource source(bytes);
        auto name = search(source);
        if (name) name_ = std::move(*name);
        verdict_ = name ? Sniffed::found : Sniffed::none;
      }) {}

std::size_t NameSniffer::feed(ByteView bytes) {
  assert(verdict_ == Sniffed::searching);
  std::size_t taken = 0;
  while (taken < bytes.size() && verdict_ == Sniffed::searching) {
    if (++taken_ > max_bytes) {
      verdict_ = Sniffed::none;
      break;
    }
    coroutine_(bytes[taken++]);
  }
  return taken;
}

}  // namespace tfunnel::core
