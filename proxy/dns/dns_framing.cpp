#include "proxy/dns/dns_framing.hpp"

#include <cassert>
#include <utility>

namespace tfunnel::proxy::dns {

Framing::Framing() : coroutine_([this](core::ByteSource::Coroutine::pull_type& bytes) { read(bytes); }) {}

std::size_t Framing::feed(core::ByteView bytes) {
  assert(state_ == State::reading);
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ == State::reading) coroutine_(bytes[taken++]);
  return taken;
}

Message Framing::take() {
  assert(state_ == State::whole);
  state_ = State::reading;
  return std::exchange(message_, {});
}

// The memory grows with the bytes that arrive, not with a length that was promised.
void Framing::read(core::ByteSource::Coroutine::pull_type& bytes) {
  core::ByteSource source(bytes);
  for (;;) {
    const auto high = source.next();
    const auto size = static_cast<std::size_t>(high << 8 | source.next());
    if (size < header_size) break;
    while (message_.size() < size) message_.push_back(source.next());
    state_ = State::whole;
  }
  state_ = State::broken;
}

}  // namespace tfunnel::proxy::dns
