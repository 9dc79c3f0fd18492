#include "client/rules/rule_counters.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

#include "client/rules/counted_rules.hpp"
#include "client/rules/netlink_request.hpp"
#include "client/rules/system_rules.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

namespace {

/// By a walk over attributes, which stand behind one another from `begin` on.
template <class Take>
void for_each_attribute(const void* begin, const char* end, const Take& take) {
  for (const auto* at = static_cast<const nlattr*>(begin);
       mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at))); at = mnl_attr_next(at)) {
    take(*at);
  }
}

void take_numbers(const nlattr& data, RuleCounter& counter) {
  const auto* begin = static_cast<const char*>(mnl_attr_get_payload(&data));
  for_each_attribute(begin, begin + mnl_attr_get_payload_len(&data), [&](const nlattr& one) {
    if (mnl_attr_get_type(&one) == NFTA_COUNTER_PACKETS) counter.packets = be64toh(mnl_attr_get_u64(&one));
    if (mnl_attr_get_type(&one) == NFTA_COUNTER_BYTES) counter.bytes = be64toh(mnl_attr_get_u64(&one));
  });
}

RuleCounter counter_in(const nlmsghdr& message) {
  RuleCounter counter;
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  for_each_attribute(mnl_nlmsg_get_payload_offset(&message, sizeof(nfgenmsg)), end, [&](const nlattr& one) {
    if (mnl_attr_get_type(&one) == NFTA_OBJ_NAME) counter.name = mnl_attr_get_str(&one);
    if (mnl_attr_get_type(&one) == NFTA_OBJ_DATA) take_numbers(one, counter);
  });
  return counter;
}

// The kernel gives them in no order that would mean something.
void read(const char* table, std::span<const CountedRule> rules, std::vector<RuleCounter>& all) {
  NetlinkRequest request("the packet filter", NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ, 0);
  auto& body = request.body<nfgenmsg>();
  body.nfgen_family = NFPROTO_INET;
  body.version = NFNETLINK_V0;
  request.add(NFTA_OBJ_TABLE, std::string(table));
  request.add(NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
  std::vector<RuleCounter> found;
  const auto error = io::NetlinkSocket(NETLINK_NETFILTER).list(request.header(), [&](const nlmsghdr& message) {
    found.push_back(counter_in(message));
    return true;
  });
  if (error) return;
  for (const auto& [name, meaning, refused] : rules) {
    const auto one = std::ranges::find(found, name, &RuleCounter::name);
    if (one != found.end()) all.push_back({name, meaning, refused, one->packets, one->bytes});
  }
}

}  // namespace

std::vector<RuleCounter> read_rule_counters() {
  std::vector<RuleCounter> all;
  read(system_table, counted_by_system(), all);
  read(guard_table, counted_by_guard(), all);
  return all;
}

}  // namespace tfunnel::client
