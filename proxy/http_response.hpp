// A proxy's response to CONNECT, read piece by piece so that no byte behind it is touched.
#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/asio.hpp"
#include "proxy/auth_challenge.hpp"

namespace tfunnel::proxy {

struct ResponseHead {
  unsigned status = 0;
  std::string phrase;                 // "Forbidden"; printable, and not long
  std::string detail;                 // what the proxy says of the cause in X-Squid-Error or Proxy-Status, likewise
  std::vector<Challenge> challenges;  // of all Proxy-Authenticate fields

  [[nodiscard]] bool interim() const { return status < 200; }
  [[nodiscard]] bool success() const { return status >= 200 && status < 300; }
};

/// Pure: it is shown bytes, and says how many of them belong to the response. Beast does the parsing; only
/// the end of the head is found here, because Beast keeps no count of what it may have been shown too much.
class HttpResponse {
 public:
  /// No head is larger (bytes).
  static constexpr std::size_t most_head = 16U << 10;
  /// A larger body than this is not worth reading to keep the connection (bytes as they come, with all that frames
  /// them).
  static constexpr std::size_t most_body = 64U << 10;

  /// Takes what belongs to the head; returns how much of `bytes` that was. All of it if the end is not there yet.
  /// Errors: of Beast's http::error; header_limit for a head over `most_head`.
  result<std::size_t> take_head(std::string_view bytes);
  [[nodiscard]] bool head_done() const { return head_done_; }
  /// REQUIRES: head_done().
  [[nodiscard]] const ResponseHead& head() const { return head_; }
  /// The first bytes, the head, or what came in its place.
  [[nodiscard]] const std::string& raw() const { return raw_; }

  /// True if the connection is good for another request, once the body was read.
  [[nodiscard]] bool keeps_connection() const { return keeps_connection_; }
  [[nodiscard]] bool body_done() const;
  /// Takes bytes of the body, which is dropped. All of `bytes` must belong to it: nothing else may follow a
  /// response that refused. Errors: a broken or too large body, or bytes behind it.
  error_code take_body(std::string_view bytes);

 private:
  using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

  error_code parse();
  void note_fields();

  std::string raw_;
  std::string body_;  // what the parser wants to see again, with more behind it
  std::size_t body_taken_ = 0;
  bool head_done_ = false;
  bool keeps_connection_ = false;
  ResponseHead head_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace tfunnel::proxy
