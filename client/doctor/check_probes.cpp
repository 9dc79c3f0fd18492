#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "client/doctor/checks.hpp"
#include "client/doctor/probes.hpp"

namespace tfunnel::client {

namespace {

using enum Verdict;

constexpr std::uint16_t dns_port = 53;
constexpr std::size_t most_nameservers = 3;  // MAXNS of <resolv.h>
constexpr unsigned server_failure = 2;
constexpr unsigned no_such_name = 3;

/// Both ways to one server.
void add_both(std::vector<Probe>& probes, const core::Endpoint& to) {
  probes.push_back({true, false, to});
  probes.push_back({false, false, to});
}

// The rules send a question to whomever to the far resolver: so the whole loop, and nobody else, is asked.
void add_loop(std::vector<Probe>& probes, const Situation& situation) {
  const auto& ways = situation.facts.ways;
  if (situation.table->takes_v4_questions && ways.v4.plain.is_there) {
    add_both(probes, {far_address(true), dns_port});
  }
  if (situation.table->takes_v6_questions && ways.v6.plain.is_there && situation.facts.routing.has_ipv6) {
    add_both(probes, {far_address(false), dns_port});
  }
}

/// Then a probe would be lost, and tell nothing new.
bool stands_in_the_way(const Finding& one) {
  static const std::set<std::string> checks{"up", "rules", "order", "routes"};
  return one.verdict == wrong && checks.contains(one.check);
}

bool is_whole(const Situation& situation) {
  const auto missing = missing_routing(situation);
  return situation.state == State::captures && !situation.is_stopped() && situation.table &&
         situation.table->faults.empty() && missing.rules.empty() && missing.routes.empty();
}

std::string question(const Probe& probe) {
  return std::string(probe.is_tcp ? "TCP" : "UDP") + " to " + probe.to.text();
}

std::string milliseconds(std::chrono::microseconds time) {
  constexpr double in_one = 1000;
  return std::to_string(std::lround(std::ceil(static_cast<double>(time.count()) / in_one))) + " ms";
}

/// How a probe is called in findings.
std::string kind_of(const Probe& probe) { return probe.is_of_machine ? "dns" : probe.is_tcp ? "tcp" : "udp"; }

std::string mend_of_nameserver(const Situation& situation, const Probe& probe) {
  const bool takes = situation.table && situation.table->takes_questions();
  if (!takes) {
    return situation.runs() ? up_line(situation, "--dns far") : nameserver_line("ADDRESS");
  }
  // Any address but this machine's own is answered by the far end.
  return probe.to.address.is_loopback() ? nameserver_line(far_address(true).text()) : "";
}

// What a program of this machine would have got.
Finding unanswered(const Situation& situation, const Probe& probe) {
  Finding found{wrong, kind_of(probe), question(probe) + ": " + probe.why, "", ""};
  if (probe.is_of_machine) found.what = "the nameserver " + probe.to.text() + ": " + probe.why;
  found.meaning = probe.is_of_machine ? "programs find no names" : "programs have no such connections";
  if (probe.is_of_machine) found.mend = mend_of_nameserver(situation, probe);
  return found;
}

// HTTP CONNECT carries TCP alone; a question to port 53 goes as TCP then, and other datagrams are refused at once.
Finding refused_datagrams(const Situation& situation, const Probe& probe) {
  return {warning, "udp", question(probe) + ": " + probe.why + ", and TCP is answered",
          "an upstream proxy that carries no UDP, as those for HTTP: programs go on over TCP",
          situation.runs() ? up_line(situation) : ""};
}

Finding answered(const Situation& situation, const ProbePlan& plan, const Probe& probe) {
  const auto what = question(probe) + ": answered after " + milliseconds(probe.took);
  const auto mend = situation.runs() ? up_line(situation, "--dns ADDRESS") : "";
  const auto name = plan.name.empty() ? std::string("a question") : plan.name;
  if (probe.code == server_failure) {
    return {wrong, kind_of(probe), question(probe) + ": the resolver fails to answer " + name,
            "none of the nameservers that it asks (at the far end) answers: programs find no names", mend};
  }
  // Whatever was said of the root, somebody has said it: the loop is whole.
  if (plan.name.empty() || probe.has_records) return {right, kind_of(probe), what, "", ""};
  const auto* why = probe.code == no_such_name ? "there is no such name"
                    : probe.code == 0          ? "it has no address"
                                               : "the question is refused";
  return {wrong, kind_of(probe), question(probe) + ": " + plan.name + ": " + why,
          "the resolver (at the far end) does not know it", mend};
}

/// Nothing comes back over the link; `why`, if that is known.
Finding dead_link(const InstanceFacts& instance, const std::string& why, const std::string& anew) {
  Finding found{
      wrong, "link", "nothing comes back over it" + why,
      "the far end, the way there, or its nameserver (--dns) is dead; its command is started anew when it ends", ""};
  if (instance.process.pid <= 0) {
    found.mend = anew;  // what it has started cannot be seen
  } else if (!instance.children.empty()) {
    found.mend = "kill " + std::to_string(instance.children.front().pid);
  } else {  // between two tries
    found.what = "it is down: the command that starts the far end does not run";
    found.meaning =
        "what would go through the tunnel is refused; up tries again, and says why it fails. To go out directly:";
    found.mend = "tfunnel down";
  }
  return found;
}

bool is_answered(const Probe& probe) { return probe.outcome == Outcome::answered; }

bool answers_over_tcp(const std::vector<Probe>& probes, const Probe& like) {
  return std::ranges::any_of(probes,
                             [&](const auto& one) { return one.is_tcp && one.to == like.to && is_answered(one); });
}

std::string rate_text(double bytes_per_second) {
  constexpr double million = 1e6;
  return std::to_string(std::lround(bytes_per_second / million)) + " MB/s";
}

Findings check_link(const Situation& situation, const std::vector<Probe>& probes,
                    const std::optional<MeasuredLink>& link) {
  if (situation.state != State::captures) return {};
  // A nameserver on this machine may answer from memory, or be dead itself.
  std::vector<Probe> far;
  std::ranges::copy_if(probes, std::back_inserter(far), [](const auto& one) { return !one.to.address.is_loopback(); });
  const bool is_dead = !far.empty() && std::ranges::none_of(far, is_answered);
  if (is_dead || (link && !link->is_up)) {
    const auto why = far.empty() ? "" : " (" + question(far.front()) + ": " + far.front().why + ")";
    return {dead_link(*situation.facts.instance, is_dead ? why : "", up_line(situation))};
  }
  if (link) {
    return {{right, "link", "round trip " + milliseconds(link->round_trip) + ", " + rate_text(link->bytes_per_second),
             "", ""}};
  }
  const auto fastest = std::ranges::min_element(
      far, {}, [](const auto& one) { return is_answered(one) ? one.took : std::chrono::microseconds::max(); });
  if (fastest == far.end()) return {};
  return {{right, "link", "a question and its answer, by the far end's nameserver, took " + milliseconds(fastest->took),
           "", ""}};
}

}  // namespace

// What is not captured whole would go out beside the tunnel, where nobody wanted to ask.
ProbeList choose_probes(const Situation& situation, const ProbePlan& plan, const Findings& found) {
  if (std::ranges::any_of(found, stands_in_the_way)) return {{}, "what is wrong with the tunnel is to be mended first"};
  if (situation.state != State::nothing && !is_whole(situation)) {
    return {{}, "what is sent might not go through the tunnel"};
  }
  if (!plan.server && plan.name.empty() && situation.state == State::nothing) {
    return {{}, "nobody was named to be asked (--name, --server)"};
  }
  ProbeList list;
  const auto& nameservers = situation.facts.names.nameservers;
  const bool asks_nameservers = situation.state == State::captures || !plan.name.empty();
  for (const auto& server : nameservers) {
    if (asks_nameservers && list.probes.size() < most_nameservers) list.probes.push_back({false, true, server});
  }
  if (plan.server) {
    add_both(list.probes, *plan.server);
  } else if (situation.table && situation.table->takes_questions()) {
    add_loop(list.probes, situation);
  } else if (!nameservers.empty()) {
    list.probes.push_back({true, false, nameservers.front()});
  }
  return list;
}

Findings check_probes(const Situation& situation, const ProbePlan& plan, const std::vector<Probe>& probes,
                      const std::optional<MeasuredLink>& link) {
  // One fault is told once: without a link nobody answers anything.
  auto found = check_link(situation, probes, link);
  if (std::ranges::any_of(found, [](const auto& one) { return one.verdict == wrong; })) return found;
  for (const auto& probe : probes) {
    const bool is_refused_udp = !probe.is_tcp && !probe.is_of_machine && probe.outcome == Outcome::refused;
    if (is_answered(probe)) {
      found.push_back(answered(situation, plan, probe));
    } else if (is_refused_udp && answers_over_tcp(probes, probe)) {
      found.push_back(refused_datagrams(situation, probe));
    } else {
      found.push_back(unanswered(situation, probe));
    }
  }
  return found;
}

}  // namespace tfunnel::client
