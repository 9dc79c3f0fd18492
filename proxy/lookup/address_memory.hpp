// Which of a host's addresses worked, and which did not.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/core/address.hpp"
#include "common/core/datagram_queue.hpp"

namespace tfunnel::proxy {

/// Pure, bounded.
class AddressMemory {
 public:
  struct Limits {
    std::size_t hosts = 1024;
    std::size_t failures = 32;                       // of one host
    core::Duration rest = std::chrono::seconds(30);  // for which an address that failed is tried last
  };

  AddressMemory() : AddressMemory(Limits()) {}
  explicit AddressMemory(const Limits& limits) : limits_(limits) {}

  /// `addresses` as they are to be tried: the one that worked last, then the others, their families in turn (RFC 8305,
  /// 4) beginning with that of the first; those that failed of late behind all that did not.
  [[nodiscard]] std::vector<core::Address> arrange(const std::string& host, const std::vector<core::Address>& addresses,
                                                   core::Time now) const;
  void worked(const std::string& host, const core::Address& address, core::Time now);
  /// It took a connection, and served nothing.
  void failed(const std::string& host, const core::Address& address, core::Time now);

  [[nodiscard]] std::size_t hosts() const { return hosts_.size(); }

 private:
  struct Host {
    std::optional<core::Address> worked;
    std::map<core::Address, core::Time> failed;  // until when it rests
    core::Time used{};
  };
  Host& host(const std::string& name, core::Time now);

  Limits limits_;
  std::map<std::string, Host> hosts_;
};

}  // namespace tfunnel::proxy
