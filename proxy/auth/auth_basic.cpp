#include "proxy/auth/auth_basic.hpp"

#include "proxy/auth/base64.hpp"

namespace tfunnel::proxy {

std::string BasicAuth::authorization(const AuthRequest& /*request*/) {
  return "Basic " + base64_encoded(credentials_.user + ":" + credentials_.password);
}

}  // namespace tfunnel::proxy
