#include "proxy/names/dns_names.hpp"

#include <ares.h>

#include <array>
#include <cstring>

#include "proxy/dns/dns_records.hpp"

namespace tfunnel::proxy {

namespace {

// Enough for any answer that fits into one datagram's usual size; what is more is not learnt.
constexpr std::size_t most_learnt_addresses = 64;

core::Duration seconds_of(int time_to_live) { return std::chrono::seconds(time_to_live); }

void learn_v4(NameTable& table, const std::string& name, core::ByteView answer, core::Time now) {
  std::array<ares_addrttl, most_learnt_addresses> found{};
  int count = most_learnt_addresses;
  const auto size = static_cast<int>(answer.size());
  if (ares_parse_a_reply(answer.data(), size, nullptr, found.data(), &count) != ARES_SUCCESS) return;
  for (int i = 0; i < count; ++i) {
    core::Address::V4Bytes bytes{};
    std::memcpy(bytes.data(), &found[static_cast<std::size_t>(i)].ipaddr, bytes.size());
    table.learn(core::Address::v4(bytes), name, seconds_of(found[static_cast<std::size_t>(i)].ttl), now);
  }
}

void learn_v6(NameTable& table, const std::string& name, core::ByteView answer, core::Time now) {
  std::array<ares_addr6ttl, most_learnt_addresses> found{};
  int count = most_learnt_addresses;
  const auto size = static_cast<int>(answer.size());
  if (ares_parse_aaaa_reply(answer.data(), size, nullptr, found.data(), &count) != ARES_SUCCESS) return;
  for (int i = 0; i < count; ++i) {
    core::Address::Bytes bytes{};
    std::memcpy(bytes.data(), &found[static_cast<std::size_t>(i)].ip6addr, bytes.size());
    table.learn(core::Address(bytes), name, seconds_of(found[static_cast<std::size_t>(i)].ttl), now);
  }
}

}  // namespace

void learn_names(NameTable& table, core::ByteView answer, core::Time now) {
  constexpr std::uint16_t internet = 1;
  const auto question = dns::only_question(answer);
  if (!question || question->record_class != internet || dns::is_query(answer)) return;
  if (dns::rcode_of(answer) != dns::Rcode::no_error) return;
  const auto name = dns::asked_name(answer);
  if (!name) return;
  if (question->type == dns::a_record) learn_v4(table, *name, answer, now);
  if (question->type == dns::aaaa_record) learn_v6(table, *name, answer, now);
}

}  // namespace tfunnel::proxy
