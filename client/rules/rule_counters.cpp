#include "client/rules/rule_counters.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

#include "client/rules/counted_rules.hpp"
#include "client/rules/netlink_request.hpp"
#include "client/rules/system_rules.hpp"
#include "common/io/netlink_attributes_linux.hpp"
#include "common/io/netlink_linux.hpp"

namespace tfunnel::client {

namespace {

RuleCounter counter_in(const nlmsghdr& message) {
  const io::Attributes<nfgenmsg> told(message);
  RuleCounter counter;
  counter.name = told.text(NFTA_OBJ_NAME);
  counter.packets = io::in_network_order(told.nested(NFTA_OBJ_DATA, NFTA_COUNTER_PACKETS));
  counter.bytes = io::in_network_order(told.nested(NFTA_OBJ_DATA, NFTA_COUNTER_BYTES));
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
