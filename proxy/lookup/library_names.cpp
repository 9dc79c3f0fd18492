#include "proxy/lookup/library_names.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/ip/basic_endpoint.hpp>
#include <chrono>
#include <cstring>
#include <memory>

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

const bool has_library_names = true;

NameAnswer library_answer(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &first) != 0) return {{}, NameError::not_found, {}};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(first, &::freeaddrinfo);
  NameAnswer answer{{}, {}, std::chrono::seconds(30)};
  for (const auto* node = found.get(); node != nullptr; node = node->ai_next) {
    tcp::endpoint endpoint;
    if (node->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), node->ai_addr, node->ai_addrlen);
    answer.addresses.push_back(io::from_asio(endpoint.address()));
  }
  if (answer.addresses.empty()) answer.error = NameError::no_address;
  return answer;
}

}  // namespace tfunnel::proxy
