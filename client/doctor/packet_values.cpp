#include "client/doctor/packet_values.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <variant>

#include "common/core/network.hpp"
#include "common/io/json_words.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

struct Unknown {};
/// No packet of this kind has such a field: the rule is not about it.
struct Absent {};
using Value = std::variant<Unknown, Absent, std::uint32_t, std::string, core::Address>;

/// The one member of an object, as `{"meta": {...}}` is one.
const json::key_value_pair* only_member(const json::value& value) {
  return value.is_object() && value.get_object().size() == 1 ? &*value.get_object().begin() : nullptr;
}

template <class T>
Value known(const std::optional<T>& value) {
  return value ? Value(*value) : Value(Unknown());
}

// Names as libnftables writes them; `iif` is a name there, too.
Value meta(const Specimen& packet, const std::string& key) {
  if (key == "mark") return known(packet.mark);
  if (key == "nfproto") return packet.is_v4 ? "ipv4" : "ipv6";
  if (key == "protocol") return packet.is_v4 ? "ip" : "ip6";
  if (key == "l4proto") return packet.is_tcp ? "tcp" : "udp";
  if (key == "iif" || key == "iifname") return known(packet.in);
  if (key == "oif" || key == "oifname") return known(packet.out);
  return Unknown();
}

// A field of a protocol that this packet has not: such a rule never matches, whatever it compares.
Value payload(const Specimen& packet, const json::object& what) {
  const auto protocol = io::word(what, "protocol");
  const auto field = io::word(what, "field");
  if (protocol == "th" || protocol == (packet.is_tcp ? "tcp" : "udp")) {
    return field == "dport" && packet.to_port ? Value(std::uint32_t{*packet.to_port}) : Value(Unknown());
  }
  if (protocol == "tcp" || protocol == "udp") return Absent();
  if (protocol != (packet.is_v4 ? "ip" : "ip6")) return Absent();
  if (field == "protocol" || field == "nexthdr") return packet.is_tcp ? "tcp" : "udp";
  if (field == "saddr") return known(packet.from);
  if (field == "daddr") return known(packet.to);
  return Unknown();
}

Value connection(const Specimen& packet, const std::string& key) {
  if (key == "state") return packet.is_answer ? "established" : "new";
  if (key == "direction") return packet.is_answer ? "reply" : "original";
  return Unknown();
}

Value evaluate(const Specimen& packet, const json::value& expression);

Value combined(const Specimen& packet, std::string_view operation, const json::value& operands) {
  if (!operands.is_array() || operands.get_array().size() != 2) return Unknown();
  const auto left = evaluate(packet, operands.get_array()[0]);
  const auto right = evaluate(packet, operands.get_array()[1]);
  if (std::holds_alternative<Absent>(left)) return Absent();
  const auto* a = std::get_if<std::uint32_t>(&left);
  const auto* b = std::get_if<std::uint32_t>(&right);
  if (a == nullptr || b == nullptr) return Unknown();
  return operation == "&" ? *a & *b : operation == "|" ? *a | *b : *a ^ *b;
}

Value evaluate(const Specimen& packet, const json::value& expression) {
  if (expression.is_int64()) return static_cast<std::uint32_t>(expression.get_int64());
  const auto* member = only_member(expression);
  if (member == nullptr) return Unknown();
  const auto kind = member->key();
  if (kind == "&" || kind == "|" || kind == "^") return combined(packet, kind, member->value());
  if (!member->value().is_object()) return Unknown();
  const auto& what = member->value().get_object();
  if (kind == "meta") return meta(packet, io::word(what, "key"));
  if (kind == "payload") return payload(packet, what);
  if (kind == "ct") return connection(packet, io::word(what, "key"));
  return Unknown();
}

Truth truth(bool is_so) { return is_so ? Truth::yes : Truth::no; }

Truth equals(const Value& value, const json::value& right);

// The best of all: one that may match leaves all open.
Truth is_any_of(const Value& value, const json::array& list) {
  auto best = Truth::no;
  for (const auto& one : list) best = std::max(best, equals(value, one));
  return best;
}

Truth is_in_network(const core::Address& address, const json::object& prefix) {
  const auto first = core::Address::parse(io::word(prefix, "addr"));
  const auto* length = prefix.if_contains("len");
  if (!first || length == nullptr || !length->is_int64()) return Truth::maybe;
  const auto bits = length->get_int64();
  if (bits < 0 || bits > (first->is_v4() ? 32 : 128)) return Truth::maybe;
  return truth(core::Network::of(*first, static_cast<unsigned>(bits)).contains(address));
}

Truth is_in_range(std::uint32_t number, const json::array& ends) {
  if (ends.size() != 2 || !ends[0].is_int64() || !ends[1].is_int64()) return Truth::maybe;
  return truth(number >= ends[0].get_int64() && number <= ends[1].get_int64());
}

Truth equals_text(const Value& value, const std::string& right) {
  if (right.starts_with('@')) return Truth::maybe;  // a set
  if (const auto* address = std::get_if<core::Address>(&value)) {
    const auto other = core::Address::parse(right);
    return other ? truth(*other == *address) : Truth::maybe;
  }
  const auto* word = std::get_if<std::string>(&value);
  if (word == nullptr) return Truth::maybe;
  if (right.ends_with('*')) return truth(word->starts_with(right.substr(0, right.size() - 1)));
  return truth(*word == right);
}

Truth equals(const Value& value, const json::value& right) {
  if (std::holds_alternative<Unknown>(value)) return Truth::maybe;
  if (right.is_array()) return is_any_of(value, right.get_array());
  if (right.is_string()) return equals_text(value, std::string(right.get_string()));
  if (right.is_int64()) {
    const auto* number = std::get_if<std::uint32_t>(&value);
    return number == nullptr ? Truth::maybe : truth(*number == static_cast<std::uint32_t>(right.get_int64()));
  }
  const auto* member = only_member(right);
  if (member == nullptr) return Truth::maybe;
  if (member->key() == "set" && member->value().is_array()) return is_any_of(value, member->value().get_array());
  const auto* number = std::get_if<std::uint32_t>(&value);
  if (member->key() == "range" && member->value().is_array() && number != nullptr) {
    return is_in_range(*number, member->value().get_array());
  }
  const auto* address = std::get_if<core::Address>(&value);
  if (member->key() == "prefix" && member->value().is_object() && address != nullptr) {
    return is_in_network(*address, member->value().get_object());
  }
  return Truth::maybe;
}

Truth opposite(Truth one) { return one == Truth::maybe ? one : truth(one == Truth::no); }

}  // namespace

Truth meets(const Specimen& packet, const json::object& match) {
  const auto* left = match.if_contains("left");
  const auto* right = match.if_contains("right");
  if (left == nullptr || right == nullptr) return Truth::maybe;
  const auto value = evaluate(packet, *left);
  if (std::holds_alternative<Absent>(value)) return Truth::no;
  const auto operation = io::word(match, "op");
  const auto is_equal = equals(value, *right);
  if (operation == "==" || operation == "in") return is_equal;
  return operation == "!=" ? opposite(is_equal) : Truth::maybe;
}

std::optional<std::uint32_t> number_of(const Specimen& packet, const json::value& expression) {
  const auto value = evaluate(packet, expression);
  const auto* number = std::get_if<std::uint32_t>(&value);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

}  // namespace tfunnel::client
