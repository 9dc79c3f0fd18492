#include "client/up/rules_events.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <utility>

#include "common/io/netlink_attributes_linux.hpp"

namespace tfunnel::client {

namespace {

// The first attribute of a table, and of all that is in one, is the table's name.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
              NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1);
constexpr int name_of_table = 1;

}  // namespace

bool RulesEvents::changed(std::span<const std::byte> messages) {
  bool found = false;
  int left = static_cast<int>(messages.size());
  for (const auto* message = reinterpret_cast<const nlmsghdr*>(messages.data()); mnl_nlmsg_ok(message, left);
       message = mnl_nlmsg_next(message, &left)) {
    if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES) continue;
    const io::Attributes<nfgenmsg> told(*message);
    if (NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_NEWGEN) {
      touched_ = touched_ || told.text(name_of_table) == table_;
      continue;
    }
    // Generations are counted round and round.
    const auto generation = static_cast<std::uint32_t>(io::in_network_order(told.bytes(NFTA_GEN_ID)));
    found = (std::exchange(touched_, false) && static_cast<std::int32_t>(generation - known_) > 0) || found;
  }
  return found;
}

}  // namespace tfunnel::client
