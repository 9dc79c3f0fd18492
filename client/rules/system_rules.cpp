#include "client/rules/system_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "client/rules/counted_rules.hpp"
#include "client/rules/rule_text.hpp"
#include "client/rules/set_elements.hpp"
#include "client/rules/system_rules_text.hpp"

namespace tfunnel::client {

namespace {

std::string clause_of(const std::string& list) { return list.empty() ? "" : "elements = { " + list + " }"; }

void join(std::string& list, const std::string& element) { list += (list.empty() ? "" : ", ") + element; }

std::string ports_of_link(const std::set<LinkPeer>& link, bool is_v4) {
  std::string list;
  for (const auto& [is_tcp, to] : link) {
    if (to.port == 0 || to.address.is_v4() != is_v4) continue;
    join(list, (is_tcp ? "tcp . " : "udp . ") + to.address.text() + " . " + std::to_string(to.port));
  }
  return list;
}

std::string hosts_of_link(const std::set<LinkPeer>& link, bool is_v4) {
  std::set<core::Address> hosts;
  for (const auto& peer : link) {
    if (peer.to.port == 0 && peer.to.address.is_v4() == is_v4) hosts.insert(peer.to.address);
  }
  std::string list;
  for (const auto& host : hosts) join(list, host.text());
  return list;
}

std::string list_of(const std::vector<Connection>& connections, bool is_v4) {
  std::string list;
  const auto text = [](const core::Endpoint& end) { return end.address.text() + " . " + std::to_string(end.port); };
  for (const auto& [from, to] : connections) {
    if (to.address.is_v4() == is_v4) join(list, text(from) + " . " + text(to));
  }
  return list;
}

/// Each set of the link's with its elements.
std::array<std::pair<const char*, std::string>, 4> link_sets(const std::set<LinkPeer>& link) {
  return {{{"link4", ports_of_link(link, true)},
           {"link6", ports_of_link(link, false)},
           {"hosts4", hosts_of_link(link, true)},
           {"hosts6", hosts_of_link(link, false)}}};
}

std::string of_set(const char* what, const char* set) {
  return std::string(what) + " inet " + system_table + " " + set;
}

/// A line for each: what goes to one of them meets the verdict.
std::string lines_of(const std::vector<PortedNetwork>& networks, const char* verdict) {
  std::string lines;
  for (const auto& [network, first, last] : networks) {
    lines += (network.first.is_v4() ? "ip daddr " : "ip6 daddr ") + network.first.text() + "/" +
             std::to_string(network.prefix());
    if (first != 0) lines += " th dport " + std::to_string(first);
    if (last != first) lines += "-" + std::to_string(last);
    lines += std::string(" ") + verdict + "\n";
  }
  return lines;
}

std::string match_of(const ControlGroup& group) {
  return "socket cgroupv2 level " + std::to_string(group.level) + " \"" + group.path + "\"";
}

std::string lines_of(const char* match, const std::vector<IdRange>& ranges) {
  std::string lines;
  for (const auto& [first, last] : ranges) {
    lines += std::string(match) + " " + std::to_string(first);
    if (last != first) lines += "-" + std::to_string(last);
    lines += " goto choose\n";
  }
  return lines;
}

std::string senders_of(const Selection& selection) {
  if (!selection.has_senders) return "goto choose";
  auto lines = lines_of("meta skuid", selection.users) + lines_of("meta skgid", selection.groups);
  for (const auto& group : selection.control_groups) lines += match_of(group) + " goto choose\n";
  return lines;
}

/// `match` is iifname or oifname; `verdict` that of the chosen ones.
std::string interfaces_of(const Selection& selection, const std::string& match, const std::string& verdict) {
  if (selection.interfaces.empty()) return verdict;
  std::string lines;
  for (const auto& name : selection.interfaces) lines += match + " \"" + name + "\" " + verdict + "\n";
  return lines;
}

// Only a whole network has other protocols.
std::string others_of(const std::vector<PortedNetwork>& included) {
  const auto* verdict = "counter name refused_others reject with icmpx type admin-prohibited";
  if (included.empty()) return verdict;
  auto whole = included;
  std::erase_if(whole, [](const PortedNetwork& one) { return one.first != 0; });
  return lines_of(whole, verdict);
}

std::string nameservers_of(const SystemDns& dns) {
  const auto v4 = dns.v4 ? "meta nfproto ipv4 dnat ip to " + dns.v4->text() + "\n" : std::string();
  const auto v6 = dns.v6 ? "meta nfproto ipv6 dnat ip6 to " + dns.v6->text() + "\n" : std::string();
  return v4 + v6;
}

std::string questions_of(const SystemTerms& terms) {
  if (!terms.dns.redirects()) return "";
  const std::array<std::pair<const char*, std::string>, 3> words{{{"OWN", mark_text(terms.marks.own)},
                                                                  {"CAPTURED", mark_text(terms.marks.captured)},
                                                                  {"NAMESERVERS", nameservers_of(terms.dns)}}};
  return filled(system_questions_text, words);
}

}  // namespace

bool names_card(const std::vector<std::string>& names, const std::string& card) {
  return std::ranges::any_of(names, [&](const std::string& name) {
    return name.ends_with('*') ? card.starts_with(name.substr(0, name.size() - 1)) : card == name;
  });
}

std::string mark_text(std::uint32_t mark) {
  static constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (; mark != 0; mark >>= 4) text.insert(text.begin(), digits[mark & 0xf]);
  return "0x" + (text.empty() ? "0" : text);
}

std::string system_rules(const SystemTerms& terms) {
  const auto& marks = terms.marks;
  const auto flow = marks.own | marks.captured;
  const auto link = link_sets(terms.link);
  const auto& dns = terms.dns;
  const std::pair<const char*, std::string> words[] = {
      {"COUNTERS", counter_definitions(counted_by_system())},
      {"OF_LINK", terms.link_group ? match_of(*terms.link_group) : "#"},
      {"TABLE", terms.table},
      {"FLAGS", terms.owned ? "flags owner;" : ""},
      {"LINK4", clause_of(link[0].second)},
      {"LINK6", clause_of(link[1].second)},
      {"HOSTS4", clause_of(link[2].second)},
      {"HOSTS6", clause_of(link[3].second)},
      {"DIRECT4", elements_clause(terms.direct.v4)},
      {"DIRECT6", elements_clause(terms.direct.v6)},
      {"OWN4", elements_clause(terms.own_networks.v4)},
      {"OWN6", elements_clause(terms.own_networks.v6)},
      {"ROUTED4", elements_clause(terms.routed.v4)},
      {"ROUTED6", elements_clause(terms.routed.v6)},
      {"REFUSED4", clause_of(list_of(terms.refused, true))},
      {"REFUSED6", clause_of(list_of(terms.refused, false))},
      {"OWN", mark_text(marks.own)},
      {"CAPTURED", mark_text(marks.captured)},
      {"PASSED", mark_text(marks.passed)},
      {"FLOW", mark_text(flow)},
      {"ALL_BITS", mark_text(flow | marks.passed)},
      {"NO_FLOW", mark_text(~(flow | marks.passed))},
      {"SENT", mark_text(marks.captured)},
      {"ASKED", mark_text(marks.own)},
      {"FORWARDED", mark_text(flow)},
      {"PORT", std::to_string(terms.capture_port)},
      {"ALONE", line_if(!terms.forward)},
      {"FORWARD", line_if(terms.forward)},
      {"NO_OTHERS", line_if(!terms.allow_icmp)},
      {"GUARDED", line_if(!terms.owned)},
      {"GO_ON", terms.owned ? "" : "jump let_go"},
      {"REDIRECT", line_if(dns.redirects())},
      {"NO_V4_QUESTIONS", line_if(dns.redirects() && !dns.v4)},
      {"NO_V6_QUESTIONS", line_if(dns.redirects() && !dns.v6)},
      {"LAN_ALLOWED", line_if(!terms.lan_denied)},
      {"LAN", terms.lan_denied ? "counter name refused_lan goto refuse" : "return"},
      {"SENT_BY", interfaces_of(terms.selection, "oifname", "goto choose_sender")},
      {"SENDERS", senders_of(terms.selection)},
      {"CAME_BY", interfaces_of(terms.selection, "iifname", "goto choose")},
      {"OTHERS", others_of(terms.included)},
      {"EXCLUDED", lines_of(terms.excluded, "return")},
      {"INCLUDED", terms.included.empty() ? "goto take" : lines_of(terms.included, "goto take")},
      {"QUESTIONS", questions_of(terms)},
  };
  return filled(system_table_text, words);
}

std::string guard_rules(const SystemMarks& marks) {
  const std::array<std::pair<const char*, std::string>, 5> words{{
      {"TABLE", guard_table},
      {"COUNTERS", counter_definitions(counted_by_guard())},
      {"OWN", mark_text(marks.own)},
      {"PASSED", mark_text(marks.passed)},
      {"ALL_BITS", mark_text(marks.own | marks.captured | marks.passed)},
  }};
  return filled(system_guard_text, words);
}

std::string replace_networks(const BothNetworks& direct, const BothNetworks& own) {
  return replace_elements(system_table, "direct4", direct.v4) + replace_elements(system_table, "direct6", direct.v6) +
         replace_elements(system_table, "own4", own.v4) + replace_elements(system_table, "own6", own.v6);
}

std::string replace_link(const std::set<LinkPeer>& link) {
  std::string input;
  for (const auto& [set, list] : link_sets(link)) input += of_set("flush set", set) + "\n";
  return input + add_link(link);
}

std::string add_link(const std::set<LinkPeer>& link) {
  std::string input;
  for (const auto& [set, list] : link_sets(link)) {
    if (!list.empty()) input += of_set("add element", set) + " { " + list + " }\n";
  }
  return input;
}

std::string add_link_group(const ControlGroup& group) {
  return "insert rule inet " + std::string(system_table) + " output " + match_of(group) + " return\n";
}

std::string replace_refused(const std::vector<Connection>& refused) {
  std::string input;
  for (const auto& [set, is_v4] : {std::pair{"refused4", true}, std::pair{"refused6", false}}) {
    const auto list = list_of(refused, is_v4);
    input += of_set("flush set", set) + "\n";
    if (!list.empty()) input += of_set("add element", set) + " { " + list + " }\n";
  }
  return input;
}

std::string replace_routed(const BothNetworks& routed) {
  return replace_elements(system_table, "routed4", routed.v4) + replace_elements(system_table, "routed6", routed.v6);
}

// A new table can always be deleted.
std::string remove_table(const char* table) {
  return "table inet " + std::string(table) + "\ndelete table inet " + table + "\n";
}

}  // namespace tfunnel::client
