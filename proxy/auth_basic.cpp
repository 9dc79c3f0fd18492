#include "proxy/auth_basic.hpp"

#include <boost/beast/core/detail/base64.hpp>

namespace tfunnel::proxy {

std::string BasicAuth::authorization(const AuthRequest& /*request*/) {
  namespace base64 = boost::beast::detail::base64;
  const auto plain = credentials_.user + ":" + credentials_.password;
  std::string encoded(base64::encoded_size(plain.size()), '\0');
  encoded.resize(base64::encode(encoded.data(), plain.data(), plain.size()));
  return "Basic " + encoded;
}

}  // namespace tfunnel::proxy
