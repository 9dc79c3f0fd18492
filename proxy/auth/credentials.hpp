// Our name and password for an upstream proxy.
#pragma once

#include <string>

namespace tfunnel::proxy {

struct Credentials {
  std::string user;
  std::string password;
};

}  // namespace tfunnel::proxy
