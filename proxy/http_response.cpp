#include "proxy/http_response.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include "common/core/greeting.hpp"

namespace tfunnel::proxy {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::size_t longest_words = 120;

/// Where the head ends: behind the first empty line. A lone LF counts as a line's end (RFC 9112, 2.2).
std::size_t end_of_head(std::string_view text, std::size_t from) {
  for (auto at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    const auto rest = text.substr(at + 1);
    if (rest.starts_with('\n')) return at + 2;
    if (rest.starts_with("\r\n")) return at + 3;
  }
  return std::string_view::npos;
}

/// With CRLF everywhere, as Beast insists on.
std::string with_crlf(std::string_view head) {
  std::string text;
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\n' && (i == 0 || head[i - 1] != '\r')) text += '\r';
    text += head[i];
  }
  return text;
}

/// "HTTP/1.1 2..." or 1...: no body follows, whatever the fields say (RFC 9110, 9.3.6 and 15.2).
bool never_has_body(std::string_view head) {
  const auto space = head.find(' ');
  return space != std::string_view::npos && space + 1 < head.size() &&
         (head[space + 1] == '1' || head[space + 1] == '2');
}

std::string words(beast::string_view text) {
  return core::printable(std::string(text.data(), std::min(text.size(), longest_words)), longest_words);
}

}  // namespace

result<std::size_t> HttpResponse::take_head(std::string_view bytes) {
  const auto before = raw_.size();
  raw_ += bytes.substr(0, most_head + 1 - before);
  // The empty line may have begun with the last bytes of before.
  const auto end = end_of_head(raw_, before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    if (raw_.size() > most_head) return error_code(http::make_error_code(http::error::header_limit));
    return bytes.size();
  }
  raw_.resize(end);
  if (const auto error = parse()) return error;
  head_done_ = true;
  return end - before;
}

error_code HttpResponse::parse() {
  auto text = with_crlf(raw_);
  // Content-Length and the like must be ignored here, even if they contradict each other.
  if (never_has_body(text)) text = text.substr(0, text.find('\n') + 1) + "\r\n";
  parser_ = std::make_unique<Parser>();
  parser_->header_limit(2 * most_head);
  // The parser makes room for what is announced.
  parser_->body_limit(most_body);
  error_code error;
  parser_->put(asio::buffer(text), error);
  if (error == http::error::need_more) error = {};
  if (!error && !parser_->is_header_done()) error = http::make_error_code(http::error::bad_value);
  if (!error) note_fields();
  return error;
}

void HttpResponse::note_fields() {
  const auto& message = parser_->get();
  head_.status = message.result_int();
  head_.phrase = words(message.reason());
  for (const auto* name : {"X-Squid-Error", "Proxy-Status"}) {
    if (head_.detail.empty()) head_.detail = words(message[name]);
  }
  const auto [begin, end] = message.equal_range(http::field::proxy_authenticate);
  for (auto field = begin; field != end; ++field) {
    const auto found = parse_challenges(std::string_view(field->value().data(), field->value().size()));
    head_.challenges.insert(head_.challenges.end(), found.begin(), found.end());
  }
  // Proxy-Connection was never standardised, but old proxies speak by it.
  const auto old = message[http::field::proxy_connection];
  const bool keeps = message.keep_alive() || beast::iequals(old, "keep-alive");
  keeps_connection_ = keeps && !beast::iequals(old, "close") && (message.has_content_length() || message.chunked());
}

bool HttpResponse::body_done() const { return parser_->is_done(); }

// What stands between and behind the chunks counts as well: Beast keeps it until it is whole, and looks at all of it
// again each time.
error_code HttpResponse::take_body(std::string_view bytes) {
  body_taken_ += bytes.size();
  if (body_taken_ > most_body) return http::make_error_code(http::error::body_limit);
  body_ += bytes;
  while (!body_.empty() && !parser_->is_done()) {
    error_code error;
    const auto used = parser_->put(asio::buffer(body_), error);
    body_.erase(0, used);
    if (error == http::error::need_more) break;
    if (error) return error;
  }
  if (parser_->is_done() && !body_.empty()) return http::make_error_code(http::error::unexpected_body);
  return {};
}

}  // namespace tfunnel::proxy
