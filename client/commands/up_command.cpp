#include <algorithm>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "client/commands/answers.hpp"
#include "client/commands/commands.hpp"
#include "client/commands/far_end.hpp"
#include "client/run/run_options.hpp"
#include "client/up/up_options.hpp"
#include "common/io/local_address_linux.hpp"
#include "proxy/access/access_rules.hpp"
#include "proxy/upstream.hpp"

namespace tfunnel::client {

namespace {

struct Options {
  app::CommonOptions common;
  UpOptions up;
  FarEndOptions far_end;
};

app::po::options_description description_of(Options& options) {
  app::po::options_description description;
  description.add(up_description(options.up)).add(link_description(options.up.link));
  description.add(far_end_description(options.far_end, options.common));
  return description;
}

std::string describe(std::span<const Subcommand>) {
  std::ostringstream text;
  Options options;
  text << "tfunnel up: all TCP and UDP of this machine through the tunnel\n\n"
          "  tfunnel up --via COMMAND [options]\n"
          "  tfunnel up --http-proxy URL [options, also the proxy's]\n\n"
          "COMMAND starts the far end, for example:\n"
          "  tfunnel up --via 'ssh -o ControlPath=none -o ServerAliveInterval=15 host tfunnel'\n"
          "It makes the rules itself once the link is up, and removes them when a signal or tfunnel down ends it.\n"
          "If it is killed they stay, and nothing gets out, until tfunnel down (--kill-switch).\n"
          "--dns far (the default): the far end's resolver answers all questions to port 53; keep: those who are "
          "asked.\n"
          "With --via also ADDRESS: that nameserver, asked by the far end.\n\n"
       << description_of(options);
  return text.str();
}

// What the far end on this machine sends has a mark of its own: else it would be captured, and come back for ever.
void check_local(const FarEndOptions& options) {
  if (options.source.preserve) throw app::UsageError("--preserve-source is for a far end on another machine");
  const auto upstream = proxy::understand_upstream(options.proxy, proxy::own_environment(), false);
  if (options.egress_mark != 0) throw app::UsageError("--egress-mark is --passed-mark here");
  if (upstream.http.proxies.empty() && !upstream.socks5) {
    throw app::UsageError(
        "up needs a way out: --via COMMAND, or --http-proxy or --socks5 for a far end on this machine");
  }
}

/// Of both families, if the rule is about every address.
std::vector<core::Network> networks_of(const proxy::AccessRule& rule) {
  if (rule.network) return {*rule.network};
  return {core::Network::of(*core::Address::parse("0.0.0.0"), 0), core::Network::of(*core::Address::parse("::"), 0)};
}

/// Each network and range of ports of what --exclude and --include say, in the words of an access rule.
std::vector<PortedNetwork> networks_of(const std::string& option, const std::vector<std::string>& texts) {
  std::vector<PortedNetwork> all;
  for (const auto& text : texts) {
    try {
      const auto rule = proxy::parse_rule(true, text);
      auto ports = rule.ports;
      if (ports.empty()) ports.push_back({0, 0});
      for (const auto& network : networks_of(rule)) {
        for (const auto& [first, last] : ports) all.push_back({network, first, last});
      }
    } catch (const std::invalid_argument& error) {
      throw app::UsageError("--" + option + ": " + error.what());
    }
  }
  return all;
}

/// Networks without ports stay outside with all that they are asked, also by other protocols.
void exclude(SystemTerms& terms, const std::vector<PortedNetwork>& networks) {
  for (const auto& one : networks) {
    if (one.first != 0) {
      terms.excluded.push_back(one);
    } else {
      (one.network.first.is_v4() ? terms.direct.v4 : terms.direct.v6).push_back(one.network);
    }
  }
}

bool is_our_word(const std::string& word) { return word == "far" || word == "keep"; }

[[noreturn]] void refuse_dns(const std::string& what) {
  throw app::UsageError("--dns is far, keep, or with --via the address of a nameserver, not " + what);
}

/// The rules send questions to one of each family.
SystemDns nameservers(const std::vector<std::string>& words) {
  SystemDns dns;
  for (const auto& word : words) {
    const auto address = core::Address::parse(word);
    if (!address) refuse_dns(app::in_quotes(word));
    auto& one = address->is_v4() ? dns.v4 : dns.v6;
    if (io::is_local_address(*address)) {
      throw app::UsageError("--dns " + word +
                            " is an address of this machine, but the far end asks: --dns far is its own resolver");
    }
    if (one) throw app::UsageError("--dns with --via is one address of each family, not also " + app::in_quotes(word));
    one = *address;
  }
  return dns;
}

// `options.dns` is the far end's as well, which knows no such words.
SystemDns take_dns(proxy::NameOptions& options, bool is_far_end_elsewhere) {
  auto& words = options.dns;
  const bool keeps = words == std::vector<std::string>{"keep"};
  const bool is_far = words == std::vector<std::string>{"far"};
  if (!keeps && !is_far && std::ranges::any_of(words, is_our_word)) {
    throw app::UsageError("--dns far and --dns keep stand alone, without another --dns");
  }
  if (keeps || is_far) words.clear();
  if (keeps) return {};
  if (is_far_end_elsewhere && !words.empty()) return nameservers(words);
  SystemDns dns;
  for (const auto& word : options.resolver_addresses) {
    const auto address = core::Address::parse(word);
    if (address) (address->is_v4() ? dns.v4 : dns.v6) = *address;
  }
  if (dns.redirects()) return dns;
  refuse_dns("'far' with --resolver-address none");
}

/// The far end's command line without `--dns far` and `--dns keep`, which are ours, but with our mark.
std::vector<std::string> made_ours(const std::vector<std::string>& words, const SystemMarks& marks) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--dns" && i + 1 < words.size() && is_our_word(words[i + 1])) {
      ++i;
    } else if (!words[i].starts_with("--dns=") || !is_our_word(words[i].substr(6))) {
      kept.push_back(words[i]);
    }
  }
  kept.push_back("--egress-mark=" + std::to_string(marks.passed));
  return kept;
}

io::ExitStatus run(const Invocation& invocation) {
  Options options;
  options.far_end.proxy.names.dns_words = {"far", "keep"};
  const auto description = description_of(options);
  const auto given = app::parse(invocation.words, description,
                                [&](const std::string& word) { return meaning_of(word, invocation.all); });
  if (is_answered(options.common, up_command, invocation)) return io::ExitStatus::ok;
  check(options.common, given);
  const bool is_far_end_elsewhere = !options.up.link.via.empty() || options.up.close_only;
  const auto dns = take_dns(options.far_end.proxy.names, is_far_end_elsewhere);
  check(options.far_end.proxy);
  check(options.up, options.common);
  if (!is_far_end_elsewhere) {
    check_local(options.far_end);
  } else {
    refuse_for_near_end(given, "dns");
  }
  RunWords words;
  words.options.assign(invocation.words.begin(), invocation.words.end());
  auto terms = terms_of(options.up);
  terms.dns = dns;
  terms.included = networks_of("include", options.up.included);
  exclude(terms, networks_of("exclude", options.up.excluded));
  const UpPlan plan{
      options.common,
      options.up.link,
      made_ours(local_far_end(words, description, far_end_description(options.far_end, options.common)), terms.marks),
      options.up.kill_switch,
      options.up.reset_existing,
      options.up.replace,
      terms};
  if (options.up.dry_run) {
    std::cout << dry_run(plan);
    return io::ExitStatus::ok;
  }
  return options.up.close_only ? close_only(plan) : run_up(plan);
}

}  // namespace

const Subcommand up_command{"up", "all traffic of this machine through the tunnel: see tfunnel up --help", describe,
                            run};

}  // namespace tfunnel::client
