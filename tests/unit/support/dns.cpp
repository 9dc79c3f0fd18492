#include "tests/unit/support/dns.hpp"

#include <sstream>

namespace tfunnel::test {

namespace {
Bytes u16(std::size_t value) {
  return {static_cast<std::uint8_t>(value >> 8 & 0xff), static_cast<std::uint8_t>(value & 0xff)};
}
}  // namespace

Bytes dns_name(const std::string& name) {
  Bytes bytes;
  std::istringstream labels(name);
  for (std::string label; std::getline(labels, label, '.');) {
    bytes.push_back(static_cast<std::uint8_t>(label.size()));
    append(bytes, bytes_of(label));
  }
  bytes.push_back(0);
  return bytes;
}

Bytes dns_query(const std::string& name, std::uint16_t type, std::uint16_t id, std::uint16_t udp_size) {
  const bool edns = udp_size > 0;
  auto query = u16(id) + u16(0x0100) + u16(1) + u16(0) + u16(0) + u16(edns ? 1 : 0);
  append(query, dns_name(name) + u16(type) + u16(1));
  if (edns) append(query, Bytes{0} + u16(type_opt) + u16(udp_size) + Bytes(6, 0));
  return query;
}

Bytes dns_answer(const Bytes& query, const std::vector<DnsRecord>& records, std::uint8_t rcode) {
  auto answer = query;
  answer[2] = 0x81;
  answer[3] = static_cast<std::uint8_t>(0x80 | rcode);
  answer[6] = static_cast<std::uint8_t>(records.size() >> 8);
  answer[7] = static_cast<std::uint8_t>(records.size() & 0xff);
  for (const auto& record : records) {
    const auto time_to_live = u16(record.time_to_live >> 16) + u16(record.time_to_live & 0xffff);
    append(answer, dns_name(record.owner) + u16(record.type) + u16(1) + time_to_live);
    append(answer, u16(record.content.size()) + record.content);
  }
  return answer;
}

}  // namespace tfunnel::test
