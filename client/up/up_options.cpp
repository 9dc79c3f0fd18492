#include "client/up/up_options.hpp"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <memory>

#include "common/app/option_values.hpp"

namespace tfunnel::client {

namespace {

using core::Address;

/// By name or address; port 0: any, over TCP and UDP.
struct LinkHost {
  std::string name;
  std::uint16_t port = 0;
};

// What is wrong may have a password in it (a URL): it is not said again.
[[noreturn]] void refuse_link(const std::string& why) {
  throw app::UsageError("--link is HOST or HOST:PORT (IPv6: [HOST]:PORT)" + why);
}

/// As resolvers take it: no part of a URL, no options of a command, and not "any address".
void check_host(const std::string& host) {
  if (host.empty()) refuse_link(", and not empty");
  if (host.find('@') != std::string::npos) refuse_link(": the host alone, without user@");
  const auto is_wrong = [](unsigned char c) { return c <= ' ' || c == 0x7f || c == '/' || c == '[' || c == ']'; };
  if (std::ranges::any_of(host, is_wrong)) refuse_link(": no URL, and no more than one");
}

/// Inside of brackets: an IPv6 address, maybe with a zone.
void check_bracketed(const std::string& host) {
  const auto address = Address::parse(host.substr(0, host.find('%')));
  if (!address || address->is_v4()) refuse_link(": in brackets stands an IPv6 address");
}

std::uint16_t parse_port(const std::string& text) {
  const auto port = app::parse_number(text, 1, 65535);
  if (!port) refuse_link(" with a port from 1 to 65535");
  return static_cast<std::uint16_t>(*port);
}

/// "[HOST]" or "[HOST]:PORT".
LinkHost parse_bracketed(const std::string& text) {
  const auto end = text.find(']');
  if (end == std::string::npos) refuse_link(": a bracket is open");
  const auto host = text.substr(1, end - 1);
  check_bracketed(host);
  const auto rest = text.substr(end + 1);
  if (rest.empty()) return {host, 0};
  if (rest.front() != ':') refuse_link(": behind the bracket stands :PORT");
  return {host, parse_port(rest.substr(1))};
}

/// "HOST", "HOST:PORT" or "[IPV6]:PORT", taken apart; without a port it is 0.
LinkHost parse_host(const std::string& text) {
  if (text.starts_with('[')) return parse_bracketed(text);
  check_host(text);
  const auto colon = text.find(':');
  if (colon == std::string::npos) return {text, 0};
  if (Address::parse(text.substr(0, text.find('%')))) return {text, 0};  // IPv6
  if (text.find(':', colon + 1) != std::string::npos) refuse_link(": this is neither a host and its port nor IPv6");
  check_host(text.substr(0, colon));
  return {text.substr(0, colon), parse_port(text.substr(colon + 1))};
}

Address address_of(const addrinfo& found) {
  const bool is_v4 = found.ai_family == AF_INET;
  const void* bytes = is_v4 ? static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(found.ai_addr)->sin_addr)
                            : &reinterpret_cast<sockaddr_in6*>(found.ai_addr)->sin6_addr;
  return *Address::from_wire({static_cast<const char*>(bytes), is_v4 ? 4U : 16U});
}

bool is_any(const Address& address) {
  return address == *Address::parse("0.0.0.0") || address == *Address::parse("::");
}

void add_host(std::set<LinkPeer>& link, const LinkHost& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.name.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    throw app::UsageError("the link's host " + host.name + " has no address: " + ::gai_strerror(error),
                          io::ExitStatus::os_error);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
  for (const auto* one = found; one != nullptr; one = one->ai_next) {
    const auto address = address_of(*one);
    if (is_any(address)) refuse_link(": " + address.text() + " is no host's address");
    link.insert({true, {address, host.port}});
  }
}

std::optional<std::uint32_t> parse_bit(std::string_view text) {
  const auto mark = app::parse_mark(text);
  return mark && std::has_single_bit(*mark) ? mark : std::nullopt;
}

app::po::value_semantic* bit_value(std::uint32_t& target, const char* usual) {
  return new app::ParsedValue<std::uint32_t>(target, parse_bit, "a single bit, such as 0x80", app::with_default(usual));
}

}  // namespace

app::po::options_description up_description(UpOptions& options) {
  app::po::options_description description("Up");
  auto add = description.add_options();
  add("kill-switch",
      app::choice_value(options.kill_switch,
                        {{"on", KillSwitch::on}, {"off", KillSwitch::off}, {"persist", KillSwitch::persist}}),
      "what would go through the tunnel is refused while there is no link, and after a crash (on), also after the end "
      "(persist), or goes out directly (off)");
  add("link", app::po::value(&options.link_hosts)->composing(),
      "HOST[:PORT] that the link connects to, which stays outside the tunnel; may be repeated");
  add("exclude", app::po::value(&options.excluded)->composing(),
      "an address or network, with :PORTS if only some, that stays outside the tunnel; may be repeated");
  add("include", app::po::value(&options.included)->composing(),
      "the same of what goes through the tunnel: then nothing else does; may be repeated");
  add_selection(description, options.selection);
  add("lan", app::choice_value(options.lan_denied, {{"allow", false}, {"deny", true}}),
      "allow or deny: this machine's own networks, broadcast and multicast past the tunnel");
  add("forward", app::po::bool_switch(&options.forward), "capture also what this machine forwards for others");
  add("allow-icmp", app::po::bool_switch(&options.allow_icmp),
      "let out what is neither TCP nor UDP, such as ping, past the tunnel; else it is refused");
  add("replace", app::po::bool_switch(&options.replace),
      "take over from the one that runs, with nothing past the tunnel in between");
  add("reset-existing", app::po::bool_switch(&options.reset_existing),
      "end TCP connections of this machine's programs that are older, and would go through the tunnel; else they stay "
      "outside");
  add("dry-run", app::po::bool_switch(&options.dry_run), "print the rules and the routing, and change nothing");
  add("close-only", app::po::bool_switch(&options.close_only),
      "make the rules without a link, and end: what would go through the tunnel is refused until up or down");
  add("capture-port", app::number_value(options.port, 1, 65535), "port of ours that the rules send traffic to");
  add("own-mark", bit_value(options.marks.own, "0x8"), "bit of the marks of our own packets");
  add("capture-mark", bit_value(options.marks.captured, "0x80"), "bit of the marks of captured packets");
  add("passed-mark", bit_value(options.marks.passed, "0x40"),
      "bit of the marks of connections that stay outside the tunnel");
  return description;
}

void check(const UpOptions& options, const app::CommonOptions& common) {
  if (common.tty) throw app::UsageError("up makes its own link: --tty has no place here");
  const auto& marks = options.marks;
  if (std::popcount(marks.own | marks.captured | marks.passed) != 3) {
    throw app::UsageError("--own-mark, --capture-mark and --passed-mark are three different bits");
  }
}

SystemTerms terms_of(const UpOptions& options) {
  SystemTerms terms;
  terms.marks = options.marks;
  terms.capture_port = options.port;
  terms.forward = options.forward;
  terms.allow_icmp = options.allow_icmp;
  terms.lan_denied = options.lan_denied;
  terms.selection = selection_of(options.selection, options.close_only);
  for (const auto& host : options.link_hosts) add_host(terms.link, parse_host(host));
  return terms;
}

}  // namespace tfunnel::client
