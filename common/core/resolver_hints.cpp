#include "common/core/resolver_hints.hpp"

#include <algorithm>

#include "common/core/host_name.hpp"
#include "common/core/resolv_conf.hpp"

namespace tfunnel::core {

namespace {

constexpr std::size_t most_domains = 32;
constexpr std::size_t most_characters = 2048;

// Not <cctype>: what counts as a letter must not depend on a locale.
bool is_label_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > longest_host_name) return false;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('.', at), text.size());
    const auto label = text.substr(at, end - at);
    if (label.empty() || label.size() > longest_label || !std::ranges::all_of(label, is_label_character)) return false;
    at = end + 1;
  }
  return true;
}

void add_domain(std::vector<std::string>& search, std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  std::size_t characters = domain.size();
  for (const auto& other : search) characters += other.size();
  if (is_domain(domain) && search.size() < most_domains && characters <= most_characters) search.emplace_back(domain);
}

void add_option(std::string& options, std::string_view name, const std::optional<unsigned>& value) {
  if (value) options += ' ' + std::string(name) + ':' + std::to_string(*value);
}

}  // namespace

ResolverHints parse_resolver_hints(std::string_view resolv_conf, std::string_view host_name) {
  const auto conf = parse_resolv_conf(resolv_conf);
  ResolverHints hints{{}, conf.ndots, conf.timeout, conf.attempts};
  if (conf.search) {
    for (const auto& domain : *conf.search) add_domain(hints.search, domain);
  } else if (const auto dot = host_name.find('.'); dot != std::string_view::npos) {
    add_domain(hints.search, host_name.substr(dot + 1));
  }
  return hints;
}

std::string resolver_lines(const ResolverHints& hints) {
  std::string text = "search";
  for (const auto& domain : hints.search) text += ' ' + domain;
  text += hints.search.empty() ? " .\n" : "\n";
  std::string options;
  add_option(options, "ndots", hints.ndots);
  add_option(options, "timeout", hints.timeout);
  add_option(options, "attempts", hints.attempts);
  return options.empty() ? text : text + "options" + options + '\n';
}

wire::ResolverHints to_wire(const ResolverHints& hints) {
  wire::ResolverHints made;
  for (const auto& domain : hints.search) made.add_search(domain);
  if (hints.ndots) made.set_ndots(*hints.ndots);
  if (hints.timeout) made.set_timeout(*hints.timeout);
  if (hints.attempts) made.set_attempts(*hints.attempts);
  return made;
}

ResolverHints resolver_hints_from_wire(const wire::ResolverHints& hints) {
  ResolverHints made;
  for (const auto& domain : hints.search()) add_domain(made.search, domain);
  if (hints.has_ndots()) made.ndots = std::min(hints.ndots(), most_ndots);
  if (hints.timeout() > 0) made.timeout = std::min(hints.timeout(), longest_resolver_timeout);
  if (hints.attempts() > 0) made.attempts = std::min(hints.attempts(), most_resolver_attempts);
  return made;
}

}  // namespace tfunnel::core
