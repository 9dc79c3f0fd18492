// A proxy's response to CONNECT, read piece by piece so that no byte behind it is touched.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/asio.hpp"
#include "proxy/auth/auth_challenge.hpp"
#include "proxy/http/http_body_skipper.hpp"

namespace tfunnel::proxy {

struct ResponseHead {
  unsigned status = 0;
  std::string phrase;                 // "Forbidden"; printable, and not long; may be empty
  std::string detail;                 // what the proxy says of the cause in X-Squid-Error or Proxy-Status, likewise
  std::vector<Challenge> challenges;  // of all Proxy-Authenticate fields
  std::string location = {};          // where a redirect leads, printable

  [[nodiscard]] bool interim() const { return status >= 100 && status < 200; }
  [[nodiscard]] bool success() const { return status >= 200 && status < 300; }
};

/// Pure: it is shown bytes, and says how many of them belong to the response.
///
/// As lenient as can be: a status line is an answer, and of the fields only those that matter are looked at; whatever
/// stands between them is skipped. Where the body ends is another thing: if that is not certain, the connection is not
/// kept, and the answer counts all the same.
class HttpResponse {
 public:
  /// A head of more than this is none (bytes).
  static constexpr std::size_t most_head = 256U << 10;
  /// So much of a line is kept, with those that continue it; the rest is skipped.
  static constexpr std::size_t longest_line = 16U << 10;
  /// A larger body than this is not worth reading to keep the connection (bytes as they come, with all that frames
  /// them); and where no other connection would do.
  static constexpr std::size_t most_body = 64U << 10;
  static constexpr std::size_t most_needed_body = 4U << 20;

  /// Takes the bytes that belong to the head; returns how many that were. All of it if the end is not there yet.
  /// Errors: bad_message if it is no HTTP response, as soon as that shows; message_size for a head over `most_head`.
  result<std::size_t> take_head(std::string_view bytes);
  [[nodiscard]] bool head_done() const { return head_done_; }
  /// REQUIRES: head_done().
  [[nodiscard]] const ResponseHead& head() const { return head_; }
  /// The first bytes of the head, or those that came in its place.
  [[nodiscard]] const std::string& raw() const { return raw_; }

  /// True if the connection is good for another request, once the body was read, and that is no more than `most`.
  [[nodiscard]] bool keeps_connection(std::size_t most = most_body) const;
  [[nodiscard]] bool body_done() const { return body_ && body_->done(); }
  /// Takes bytes of the body, which is dropped. All of `bytes` must belong to it: nothing else may follow a
  /// response that refused. Errors: a broken body, one over `most`, or bytes behind it.
  /// REQUIRES: keeps_connection().
  error_code take_body(std::string_view bytes, std::size_t most = most_body);

 private:
  error_code end_line();
  bool read_status_line(std::string_view line);
  void end_field();
  void note_field(std::string_view name, std::string_view value);
  void note_length(std::string_view value);
  void note_connection(std::string_view value);
  void end_head();

  std::string raw_;
  std::string line_;
  std::string field_;  // the last line, which the next may continue
  std::size_t head_size_ = 0;
  std::size_t body_taken_ = 0;
  bool head_done_ = false;
  ResponseHead head_;

  // How the body is framed, as far as it is said.
  std::optional<std::uint64_t> length_;
  bool chunked_ = false;
  bool doubtful_ = false;  // what is said contradicts itself, or cannot be read
  bool persistent_ = false;
  bool closes_ = false;
  std::optional<HttpBodySkipper> body_;
};

}  // namespace tfunnel::proxy
