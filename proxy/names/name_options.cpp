#include "proxy/names/name_options.hpp"

#include <algorithm>

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
    return endpoint(text.substr(1, bracket - 1), rest.empty() ? default_port : app::parse_port(rest.substr(1)));
  }
  const auto colon = text.find(':');
  const bool has_port = colon != std::string::npos && colon == text.rfind(':');
  if (!has_port) return endpoint(text, default_port);
  return endpoint(text.substr(0, colon), app::parse_port(std::string_view(text).substr(colon + 1)));
}

namespace {

bool is_resolver_address(std::string_view word) {
  return word == no_address || core::Address::parse(std::string(word)).has_value();
}

bool is_server(const NameOptions& options, std::string_view word) {
  return word == no_server || std::ranges::count(options.dns_words, word) > 0 ||
         parse_server(std::string(word), dns::port).has_value();
}

std::string rule_of_dns(const std::vector<std::string>& words) {
  std::string rule = "ADDRESS or ADDRESS:PORT (IPv6: [ADDRESS]:PORT), ";
  for (const auto& word : words) rule += word + ", ";
  return rule + "or virtual";
}

}  // namespace

app::po::options_description name_description(NameOptions& options) {
  app::po::options_description description("Names (proxy)");
  auto add = description.add_options();
  add("resolver-address",
      app::words_value(options.resolver_addresses, is_resolver_address, "an IP address, or none alone",
                       app::with_default(joined(options.resolver_addresses))),
      "an address whose port 53 is the far end's own resolver; may be repeated; none: there is no such address");
  add("dns",
      app::words_value(
          options.dns, [&options](auto word) { return is_server(options, word); }, rule_of_dns(options.dns_words)),
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
  if (options.resolver_addresses.size() > 1 && std::ranges::count(options.resolver_addresses, no_address) > 0)
    throw app::UsageError("--resolver-address is an IP address, or none alone: none and others exclude each other");
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
