#include "proxy/auth/base64.hpp"

#include <algorithm>
#include <boost/beast/core/detail/base64.hpp>

namespace tfunnel::proxy {

namespace base64 = boost::beast::detail::base64;

std::string base64_encoded(std::string_view bytes) {
  std::string text(base64::encoded_size(bytes.size()), '\0');
  text.resize(base64::encode(text.data(), bytes.data(), bytes.size()));
  return text;
}

std::optional<std::string> base64_decoded(std::string_view text) {
  const auto padding = text.size() - std::min(text.find_last_not_of('=') + 1, text.size());
  if (text.size() % 4 != 0 || padding > 2) return std::nullopt;
  std::string bytes(base64::decoded_size(text.size()), '\0');
  const auto [written, read] = base64::decode(bytes.data(), text.data(), text.size());
  if (read != text.size() - padding) return std::nullopt;
  bytes.resize(written);
  return bytes;
}

}  // namespace tfunnel::proxy
