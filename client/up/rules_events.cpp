#include "client/up/rules_events.hpp"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <string_view>
#include <utility>

namespace tfunnel::client {

namespace {

std::string_view attribute(const nlmsghdr& message, int type) {
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  for (const auto* at = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, sizeof(nfgenmsg)));
       mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at))); at = mnl_attr_next(at)) {
    if (mnl_attr_get_type(at) == type)
      return {static_cast<const char*>(mnl_attr_get_payload(at)), mnl_attr_get_payload_len(at)};
  }
  return {};
}

/// In network order.
std::uint32_t number_of(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

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
    if (NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_NEWGEN) {
      const auto name = attribute(*message, name_of_table);
      touched_ = touched_ || name.substr(0, name.find('\0')) == table_;
      continue;
    }
    // Generations are counted round and round.
    const auto generation = number_of(attribute(*message, NFTA_GEN_ID));
    found = (std::exchange(touched_, false) && static_cast<std::int32_t>(generation - known_) > 0) || found;
  }
  return found;
}

}  // namespace tfunnel::client
