#include "common/core/frame_rules.hpp"

#include <boost/locale/utf.hpp>

#include <iterator>

#include "common/core/protocol_error.hpp"
#include "common/core/reach.hpp"
#include "common/core/wire_endpoint.hpp"

namespace tfunnel::core {

using boost::system::error_code;

namespace {

namespace utf = boost::locale::utf;
using Utf8 = utf::utf_traits<char>;

/// The character at `at`, which moves behind it; nothing if that is no UTF-8.
std::optional<utf::code_point> next_character(const char*& at, const char* end) {
  const auto character = Utf8::decode(at, end);
  return utf::is_valid_codepoint(character) ? std::optional(character) : std::nullopt;
}

// protobuf refuses to read a string field that is no UTF-8, but writes it.
bool is_utf8(std::string_view text) {
  const auto* end = text.data() + text.size();
  for (const auto* at = text.data(); at != end;) {
    if (!next_character(at, end)) return false;
  }
  return true;
}

error_code check_families(const wire::Families& families) {
  if (!reach_from_wire(families)) return ProtocolError::malformed_frame;
  return {};
}

error_code check_hello(const wire::Hello& hello) {
  const bool role = hello.role() == wire::ROLE_CLIENT || hello.role() == wire::ROLE_PROXY;
  if (!role || !is_utf8(hello.software())) return ProtocolError::malformed_frame;
  for (const auto& domain : hello.resolver().search()) {
    if (!is_utf8(domain)) return ProtocolError::malformed_frame;
  }
  return check_families(hello.families());
}

}  // namespace

error_code check_control_size(std::size_t size) {
  if (size > max_control_size) return ProtocolError::frame_too_large;
  return {};
}

error_code check_control(const wire::Frame& frame) {
  switch (frame.kind_case()) {
    case wire::Frame::kHello: return check_hello(frame.hello());
    case wire::Frame::kOpen:
      if (!request_of(frame.open()) || frame.open().credit() > max_send_credit) return ProtocolError::bad_open;
      return {};
    case wire::Frame::kCredit:
      if (frame.credit().flow() != 0 && frame.credit().bytes() > max_send_credit) return ProtocolError::credit_overflow;
      return {};
    case wire::Frame::kDatagramError:
      if (!endpoint_from_wire(frame.datagram_error().peer())) return ProtocolError::malformed_frame;
      return {};
    case wire::Frame::kReset:
      if (!is_utf8(frame.reset().text())) return ProtocolError::malformed_frame;
      return {};
    case wire::Frame::kGoAway:
      if (!is_utf8(frame.go_away().message())) return ProtocolError::malformed_frame;
      return {};
    case wire::Frame::kFamilies: return check_families(frame.families());
    default: return {};
  }
}

error_code check_datagram(std::size_t payload, std::size_t limit) {
  if (payload > limit) return ProtocolError::malformed_frame;
  return {};
}

error_code check_for_flow(wire::Frame::KindCase kind, const SendingSide& side) {
  const bool tcp = side.transport == Transport::tcp;
  const bool may_be_late = kind == wire::Frame::kCredit || kind == wire::Frame::kReset;
  switch (kind) {
    case wire::Frame::kOpened:
      if (side.opened_it) return ProtocolError::bad_flow_id;
      break;
    case wire::Frame::kData:
    case wire::Frame::kCredit:
      if (!tcp) return ProtocolError::wrong_transport;
      break;
    case wire::Frame::kDatagram:
      if (tcp) return ProtocolError::wrong_transport;
      break;
    case wire::Frame::kDatagramError:
      if (tcp) return ProtocolError::malformed_frame;
      break;
    default: break;
  }
  if (side.ended && !may_be_late) return ProtocolError::data_after_end;
  return {};
}

std::optional<FlowRequest> request_of(const wire::Open& open) {
  const auto source = endpoint_from_wire(open.source());
  if (!source) return std::nullopt;
  if (open.transport() == wire::TRANSPORT_UDP) return FlowRequest{Transport::udp, *source, {}};
  const auto destination = endpoint_from_wire(open.destination());
  if (open.transport() != wire::TRANSPORT_TCP || !destination) return std::nullopt;
  return FlowRequest{Transport::tcp, *source, *destination};
}

std::string wire_text(std::string_view text, std::size_t most) {
  std::string clean;
  const auto* end = text.data() + text.size();
  for (const auto* at = text.data(); at != end;) {
    const auto character = next_character(at, end).value_or('?');
    if (clean.size() + static_cast<std::size_t>(Utf8::width(character)) > most) break;
    Utf8::encode(character, std::back_inserter(clean));
  }
  return clean;
}

}  // namespace tfunnel::core
