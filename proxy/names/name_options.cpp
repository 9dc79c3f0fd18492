#include "proxy/names/name_options.hpp"

#include <algorithm>
#include <charconv>

#include "common/app/option_values.hpp"
#include "proxy/dns/dns_message.hpp"

namespace tfunnel::proxy {

namespace {

constexpr const char* no_address = "none";
constexpr const char* no_server = "virtual";

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " and ") + word;
  return text;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<core::Endpoint> endpoint(const std::string& address, std::optional<std::uint16_t> port) {
  const auto parsed = core::Address::parse(address);
  if (!parsed || !port) return std::nullopt;
  return core::Endpoint{*parsed, *port};
}

}  // namespace

std::optional<core::Endpoint> parse_server(const std::string& text, std::uint16_t default_port) {
  if (text.starts_with('[')) {
    const auto bracket = text.find(']');
    if (bracket == std::string::npos) return std::nullopt;
    const auto rest = text.substr(bracket + 1);
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
    return endpoint(text.substr(1, bracket - 1), rest.empty() ? default_port : parse_port(rest.substr(1)));
  }
  const auto colon = text.find(':');
  const bool has_port = colon != std::string::npos && colon == text.rfind(':');
  if (!has_port) return endpoint(text, default_port);
  return endpoint(text.substr(0, colon), parse_port(std::string_view(text).substr(colon + 1)));
}

app::po::options_description name_description(NameOptions& options) {
  app::po::options_description description("Names (proxy)");
  auto add = description.add_options();
  add("resolver-address",
      app::po::value(&options.resolver_addresses)
          ->composing()
          ->default_value(options.resolver_addresses, joined(options.resolver_addresses)),
      "an address whose port 53 is the far end's own resolver; may be repeated; none: there is no such address");
  add("dns", app::po::value(&options.dns)->composing(),
      "ADDRESS[:PORT] of a nameserver to use instead of the far end's own ones; may be repeated, tried in order; "
      "virtual: "
      "names for which they have no answer get virtual addresses, and an upstream proxy resolves them");
  add("proxy-names",
      app::choice_value(options.proxy_names,
                        {{"auto", NameMode::automatic}, {"always", NameMode::always}, {"never", NameMode::never}}),
      "auto, always or never: ask an upstream proxy for names instead of addresses (always: or refuse)");
  return description;
}

void check(const NameOptions& options) {
  for (const auto& address : options.resolver_addresses) {
    if (address == no_address && options.resolver_addresses.size() == 1) continue;
    if (!core::Address::parse(address))
      throw app::UsageError("--resolver-address is an IP address, or none alone, not '" + address + "'");
  }
  for (const auto& server : options.dns) {
    if (server != no_server && !parse_server(server, dns::port))
      throw app::UsageError("--dns is ADDRESS or ADDRESS:PORT (IPv6: [ADDRESS]:PORT), or virtual, not '" + server +
                            "'");
  }
  if (options.always_virtual() && options.resolver().empty())
    throw app::UsageError("--dns virtual needs an address to be asked at: not --resolver-address none");
}

std::set<core::Address> NameOptions::resolver() const {
  std::set<core::Address> addresses;
  for (const auto& text : resolver_addresses) {
    if (const auto address = core::Address::parse(text)) addresses.insert(*address);
  }
  return addresses;
}

std::vector<core::Endpoint> NameOptions::servers() const {
  std::vector<core::Endpoint> all;
  for (const auto& text : dns) {
    if (const auto server = parse_server(text, proxy::dns::port)) all.push_back(*server);
  }
  return all;
}

bool NameOptions::always_virtual() const { return std::ranges::find(dns, no_server) != dns.end(); }

bool NameOptions::gives_addresses() const {
  return !resolver().empty() && (always_virtual() || proxy_names != NameMode::never);
}

}  // namespace tfunnel::proxy
