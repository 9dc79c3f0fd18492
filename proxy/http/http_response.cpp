#include "proxy/http/http_response.hpp"

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <charconv>

#include "common/core/greeting.hpp"

namespace tfunnel::proxy {

namespace {

namespace errc = boost::system::errc;
using boost::algorithm::iequals;

constexpr std::size_t longest_words = 120;
constexpr std::size_t longest_raw = 256;
constexpr std::string_view protocol = "HTTP";
constexpr std::string_view blank = " \t";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

bool is_empty(std::string_view line) { return line == "\n" || line == "\r\n"; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The beginning of a line that may become a status line, or an empty one before it.
bool may_begin_response(std::string_view line) {
  const auto known = std::min(line.size(), protocol.size());
  return iequals(line.substr(0, known), protocol.substr(0, known)) || is_empty(line) || line == "\r";
}

std::string words(std::string_view text) { return core::printable(text.substr(0, longest_words), longest_words); }

template <class Act>
void for_each_element(std::string_view list, const Act& act) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    act(trimmed(list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

}  // namespace

result<std::size_t> HttpResponse::take_head(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !head_done_) {
    const auto rest = bytes.substr(used);
    const auto part = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
    used += part.size();
    head_size_ += part.size();
    raw_ += part.substr(0, longest_raw - std::min(longest_raw, raw_.size()));
    line_ += part.substr(0, longest_line - std::min(longest_line, line_.size()));
    if (head_size_ > most_head) return make_error_code(errc::message_size);
    if (head_.status == 0 && !may_begin_response(line_)) return make_error_code(errc::bad_message);
    if (!part.ends_with('\n')) continue;
    // The line may have been cut.
    if (const auto error = end_line()) return error;
    line_.clear();
  }
  return used;
}

error_code HttpResponse::end_line() {
  if (head_.status == 0) {
    // An empty line may be left from the response before.
    if (is_empty(line_) || read_status_line(trimmed(line_))) return {};
    return make_error_code(errc::bad_message);
  }
  const bool continues = blank.find(line_.front()) != std::string_view::npos;
  if (continues && !trimmed(line_).empty()) {
    const auto more = trimmed(line_);
    if (field_.size() + more.size() < longest_line) field_.append(" ").append(more);
    return {};
  }
  end_field();
  if (is_empty(line_)) {
    end_head();
  } else {
    field_ = line_;
  }
  return {};
}

// "HTTP/1.1 200 Connection established", of any version; three digits count, what follows them does not (RFC 9112, 4).
bool HttpResponse::read_status_line(std::string_view line) {
  const auto space = std::min(line.find_first_of(blank), line.size());
  const auto version = line.substr(0, space);
  if (version.size() > protocol.size() && version[protocol.size()] != '/') return false;
  const auto rest = trimmed(line.substr(space));
  if (rest.size() < 3 || !std::all_of(rest.begin(), rest.begin() + 3, is_digit)) return false;
  if (rest.size() > 3 && is_digit(rest[3])) return false;
  unsigned status = 0;
  std::from_chars(rest.data(), rest.data() + 3, status);
  if (status < 100) return false;
  head_.status = status;
  head_.phrase = words(trimmed(rest.substr(3)));
  persistent_ = iequals(version, "HTTP/1.1");
  return true;
}

void HttpResponse::end_field() {
  const std::string_view field = field_;
  const auto colon = field.find(':');
  if (colon != std::string_view::npos) note_field(trimmed(field.substr(0, colon)), trimmed(field.substr(colon + 1)));
  field_.clear();
}

void HttpResponse::note_field(std::string_view name, std::string_view value) {
  if (iequals(name, "Proxy-Authenticate")) {
    const auto found = parse_challenges(value);
    head_.challenges.insert(head_.challenges.end(), found.begin(), found.end());
  } else if (iequals(name, "X-Squid-Error") || (iequals(name, "Proxy-Status") && head_.detail.empty())) {
    head_.detail = words(value);
  } else if (iequals(name, "Location")) {
    head_.location = words(value);
  } else if (iequals(name, "Content-Length")) {
    for_each_element(value, [this](std::string_view element) { note_length(element); });
  } else if (iequals(name, "Transfer-Encoding")) {
    doubtful_ = doubtful_ || chunked_ || !iequals(value, "chunked");
    chunked_ = true;
  } else if (iequals(name, "Connection") || iequals(name, "Proxy-Connection")) {
    // The second was never standardised, but old proxies speak by it.
    for_each_element(value, [this](std::string_view element) { note_connection(element); });
  }
}

void HttpResponse::note_length(std::string_view value) {
  std::uint64_t length = 0;
  const auto* end = value.data() + value.size();
  const auto [stopped, error] = std::from_chars(value.data(), end, length);
  const bool readable = error == std::errc() && stopped == end && !value.empty();
  doubtful_ = doubtful_ || !readable || length_.value_or(length) != length;
  length_ = length;
}

void HttpResponse::note_connection(std::string_view value) {
  if (iequals(value, "close")) closes_ = true;
  if (iequals(value, "keep-alive")) persistent_ = true;
}

void HttpResponse::end_head() {
  head_done_ = true;
  // Neither has a body, whatever the fields say (RFC 9110, 9.3.6 and 15.2).
  if (head_.interim() || head_.success()) return;
  // Two lengths: one of them is wrong (RFC 9112, 6.3).
  if (doubtful_ || closes_ || !persistent_ || chunked_ == length_.has_value()) return;
  body_ = chunked_ ? HttpBodySkipper::chunked() : HttpBodySkipper::of_length(*length_);
}

bool HttpResponse::keeps_connection(std::size_t most) const { return body_ && (chunked_ || *length_ <= most); }

// The bytes between and behind the chunks count as well.
error_code HttpResponse::take_body(std::string_view bytes, std::size_t most) {
  body_taken_ += bytes.size();
  if (body_taken_ > most) return make_error_code(errc::message_size);
  return body_->take(bytes);
}

}  // namespace tfunnel::proxy
