// DNS messages for tests, built by hand so that a mistake of the code under test is not made twice.
#pragma once

#include <string>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {

constexpr std::uint16_t type_a = 1;
constexpr std::uint16_t type_cname = 5;
constexpr std::uint16_t type_aaaa = 28;
constexpr std::uint16_t type_opt = 41;

Bytes dns_name(const std::string& name);
/// A query with recursion desired; `udp_size` above 0 adds an EDNS record.
Bytes dns_query(const std::string& name, std::uint16_t type = type_a, std::uint16_t id = 0x1234,
                std::uint16_t udp_size = 0);
struct DnsRecord {
  std::string owner;
  std::uint16_t type = type_a;
  std::uint32_t time_to_live = 60;
  Bytes content;
};
/// The answer to `query` (without EDNS) with these records.
Bytes dns_answer(const Bytes& query, const std::vector<DnsRecord>& records, std::uint8_t rcode = 0);

}  // namespace tfunnel::test
