#include "proxy/names/name_sniffer.hpp"

#include <cassert>

#include "common/core/address.hpp"
#include "common/core/host_name.hpp"

namespace tfunnel::core {

Finding finding_of(std::string_view host) {
  if (auto name = host_name(host)) return {Sniffed::found, std::move(*name)};
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {Address::parse(std::string(host)) ? Sniffed::address : Sniffed::none, {}};
}

NameSniffer::NameSniffer(Search search)
    : coroutine_([this, search](ByteSource::Coroutine::pull_type& bytes) {
        ByteSource source(bytes);
        finding_ = search(source);
      }) {}

std::size_t NameSniffer::feed(ByteView bytes) {
  assert(finding_.verdict == Sniffed::searching);
  std::size_t taken = 0;
  while (taken < bytes.size() && finding_.verdict == Sniffed::searching) {
    if (++taken_ > max_bytes) {
      finding_.verdict = Sniffed::none;
      break;
    }
    coroutine_(bytes[taken++]);
  }
  return taken;
}

}  // namespace tfunnel::core
