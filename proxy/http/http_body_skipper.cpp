#include "proxy/http/http_body_skipper.hpp"

#include <algorithm>

#include "common/core/text.hpp"

namespace tfunnel::proxy {

namespace {

// A chunk of more is no page for a person; and no size overflows.
constexpr int most_digits = 8;

}  // namespace

error_code HttpBodySkipper::take(std::string_view bytes) {
  while (!bytes.empty() && at_ != At::end && at_ != At::broken) bytes.remove_prefix(skip(bytes));
  if (!bytes.empty()) at_ = At::broken;
  return at_ == At::broken ? make_error_code(boost::system::errc::bad_message) : error_code();
}

std::size_t HttpBodySkipper::skip(std::string_view bytes) {
  if (at_ == At::plain || at_ == At::data) {
    const auto count = std::min<std::uint64_t>(left_, bytes.size());
    left_ -= count;
    if (left_ == 0) at_ = at_ == At::plain ? At::end : At::data_end;
    return count;
  }
  at_ = after(bytes.front());
  return 1;
}

HttpBodySkipper::At HttpBodySkipper::after(char byte) {
  switch (at_) {
    case At::size: return in_size(byte);
    case At::extension:
      if (byte != '\n') return At::extension;
      digits_ = 0;
      return left_ > 0 ? At::data : At::trailer;
    case At::data_end: return byte == '\n' ? At::size : byte == '\r' ? At::data_end : At::broken;
    // The start of a line: an empty one is the end.
    case At::trailer: return byte == '\n' ? At::end : byte == '\r' ? At::trailer : At::trailer_line;
    case At::trailer_line: return byte == '\n' ? At::trailer : At::trailer_line;
    default: return At::broken;
  }
}

HttpBodySkipper::At HttpBodySkipper::in_size(char byte) {
  if (const auto digit = core::hex_value(byte); digit >= 0) {
    if (++digits_ > most_digits) return At::broken;
    left_ = (digits_ == 1 ? 0 : left_ * 16) + static_cast<std::uint64_t>(digit);
    return At::size;
  }
  if (digits_ == 0) return At::broken;
  if (byte == '\n') return at_ = At::extension, after(byte);
  return byte == '\r' || byte == ';' || byte == ' ' || byte == '\t' ? At::extension : At::broken;
}

}  // namespace tfunnel::proxy
