#include "common/core/greeting.hpp"

#include <algorithm>
#include <cassert>

namespace tfunnel::core {

namespace {
constexpr std::array<std::uint8_t, 14> fixed_part{0x00, 't',  'f',  'u',  'n',  'n',  'e',
                                                  'l',  '\r', '\n', 0x1a, '\n', 0xff, 0xfe};
}

GreetingBytes greeting(std::uint16_t version) {
  GreetingBytes bytes{};
  std::ranges::copy(fixed_part, bytes.begin());
  bytes[14] = static_cast<std::uint8_t>(version >> 8);
  bytes[15] = static_cast<std::uint8_t>(version & 0xff);
  return bytes;
}

GreetingSearch::GreetingSearch() : coroutine_(new_search()) {}

GreetingSearch::Coroutine::push_type GreetingSearch::new_search() {
  return Coroutine::push_type([this](Coroutine::pull_type& bytes) { search(bytes); });
}

void GreetingSearch::go_on() {
  assert(verdict_ == Verdict::found);
  const auto found = greeting(version_);
  noise_.append(reinterpret_cast<const char*>(found.data()), found.size());
  verdict_ = noise_.size() < max_noise ? Verdict::searching : Verdict::not_found;
  coroutine_ = new_search();
}

std::size_t GreetingSearch::feed(ByteView bytes) {
  assert(verdict_ == Verdict::searching);
  std::size_t taken = 0;
  while (taken < bytes.size() && verdict_ == Verdict::searching) coroutine_(bytes[taken++]);
  return taken;
}

// push_type hands over the first byte with the first call, so get() comes before each step. The
// last step is not taken: the coroutine ends with the byte that decides.
void GreetingSearch::search(Coroutine::pull_type& bytes) {
  if (!match_fixed_part(bytes)) {
    verdict_ = Verdict::not_found;
    return;
  }
  bytes();
  const auto high = bytes.get();
  bytes();
  version_ = static_cast<std::uint16_t>(high << 8 | bytes.get());
  verdict_ = Verdict::found;
}

bool GreetingSearch::match_fixed_part(Coroutine::pull_type& bytes) {
  for (std::size_t matched = 0;; bytes()) {
    const auto byte = bytes.get();
    if (byte != fixed_part[matched]) {
      if (noise_.size() + matched >= max_noise) return false;
      // Restarting at the current byte is enough, since the first byte occurs only once.
      noise_.append(reinterpret_cast<const char*>(fixed_part.data()), matched);
      matched = 0;
    }
    if (byte == fixed_part[matched]) {
      if (++matched == fixed_part.size()) return true;
    } else {
      noise_.push_back(static_cast<char>(byte));
    }
  }
}

Greeter greeter(ByteView behind, wire::Role own) {
  const auto parsed = parse_frame(behind);
  if (!parsed) return Greeter::nobody;
  if (std::holds_alternative<NeedMore>(*parsed)) {
    return behind.size() > max_control_size ? Greeter::nobody : Greeter::unknown_yet;
  }
  const auto* control = std::get_if<ControlFrame>(&*parsed);
  if (control == nullptr || !control->frame.has_hello()) return Greeter::nobody;
  const auto role = control->frame.hello().role();
  if (role == own) return Greeter::ourselves;
  return role == wire::ROLE_CLIENT || role == wire::ROLE_PROXY ? Greeter::far_end : Greeter::nobody;
}

std::string printable(std::string_view bytes, std::size_t limit) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  for (const char c : bytes.substr(0, limit)) {
    const auto value = static_cast<unsigned char>(c);
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else if (value < 0x20 || value >= 0x7f || c == '\\') {
      text += {'\\', 'x', hex[value >> 4], hex[value & 15]};
    } else {
      text += c;
    }
  }
  return bytes.size() > limit ? text + "..." : text;
}

}  // namespace tfunnel::core
