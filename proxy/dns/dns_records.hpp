// Names and records in DNS messages: what must be known of an answer to judge it, and to make one. Pure; no byte of a
// message is trusted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/core/address.hpp"
#include "proxy/dns/dns_message.hpp"

namespace tfunnel::proxy::dns {

// Types of records (RFC 1035, 3.2.2; RFC 3596).
constexpr std::uint16_t a_record = 1;
constexpr std::uint16_t ns_record = 2;
constexpr std::uint16_t soa_record = 6;
constexpr std::uint16_t ptr_record = 12;
constexpr std::uint16_t aaaa_record = 28;

/// The name in the first question as a host_name(); nothing if it is none.
std::optional<std::string> asked_name(core::ByteView message);

/// A query, recursion desired. REQUIRES: `name` is a host_name(), or empty: the root.
Message make_query(std::string_view name, std::uint16_t type, std::uint16_t id);

/// The answer that there is no record of that type, without a SOA record, so that nobody keeps it (RFC 2308, 5).
/// REQUIRES, for these: is_query(query).
Message without_records(core::ByteView query);
/// The answer with one A or AAAA record, whichever `address` makes; `time_to_live` in seconds.
Message with_address(core::ByteView query, const core::Address& address, std::uint32_t time_to_live);
/// The answer with one PTR record. REQUIRES: `name` is a host_name().
Message with_name(core::ByteView query, std::string_view name, std::uint32_t time_to_live);

/// The address whose reverse name this is: 4.3.2.1.in-addr.arpa, or 32 nibbles and ip6.arpa; nothing if it is none.
std::optional<core::Address> reverse_address(std::string_view name);

/// How many records of `type` the answer section has; 0 as well if it cannot be read.
std::size_t count_answers(core::ByteView message, std::uint16_t type);

/// Facts in a response without records about the server that gave it.
struct Authority {
  /// The zone that the name would be in (the owner of the SOA record, a host_name(), "" for the root); nothing: not
  /// said.
  std::optional<std::string> zone;
  /// It names other servers instead of an answer: the one that was asked neither knows the name nor asks others.
  bool is_referral = false;
};
/// REQUIRES: at least header_size bytes.
Authority authority_of(core::ByteView message);

}  // namespace tfunnel::proxy::dns
