// Skips the body of a response, however it is framed, and keeps none of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// Pure; of constant size, whatever comes. Chunked bodies (RFC 9112, 7.1) are followed byte by byte: extensions and
/// trailers are skipped, a lone LF counts as a line's end.
class HttpBodySkipper {
 public:
  static HttpBodySkipper of_length(std::uint64_t length) { return {length == 0 ? At::end : At::plain, length}; }
  static HttpBodySkipper chunked() { return {At::size, 0}; }

  [[nodiscard]] bool done() const { return at_ == At::end; }
  /// `bytes` must all belong to the body. Errors: bad_message for a broken body, or bytes behind it.
  error_code take(std::string_view bytes);

 private:
  enum class At { plain, size, extension, data, data_end, trailer, trailer_line, end, broken };
  HttpBodySkipper(At at, std::uint64_t left) : at_(at), left_(left) {}

  std::size_t skip(std::string_view bytes);
  At after(char byte);
  At in_size(char byte);

  At at_;
  std::uint64_t left_;  // of a plain body, or of a chunk; while its size is read: what was read of that
  int digits_ = 0;      // of the size
};

}  // namespace tfunnel::proxy
