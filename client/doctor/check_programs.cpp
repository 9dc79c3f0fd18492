// The programs: this one, and a `tfunnel up` that runs.
#include <algorithm>

#include "client/doctor/checks.hpp"
#include "client/doctor/shell_words.hpp"
#include "client/up/up_options.hpp"

namespace tfunnel::client {

namespace {

using enum Verdict;

// A browser alone has hundreds of connections.
constexpr std::uint64_t few_descriptors = 1024;
constexpr std::uint64_t enough_descriptors = 4096;
constexpr const char* many_descriptors = "65536";

std::string what_lacks(const OwnFacts& own) {
  if (own.may_change_rules) return "CAP_NET_RAW";
  return own.may_send_raw ? "CAP_NET_ADMIN" : "CAP_NET_ADMIN and CAP_NET_RAW";
}

Finding lacking_rights(const OwnFacts& own) {
  Finding found{wrong, "capabilities", "this user's tfunnel has no " + what_lacks(own),
                "tfunnel up cannot make its rules, nor doctor see them", ""};
  if (own.is_root) {
    found.meaning += "; even root lacks it in a container that was started without it";
    found.mend = "docker run --cap-add NET_ADMIN --cap-add NET_RAW IMAGE";
  } else if (own.gains_no_rights) {
    found.meaning +=
        "; no program gains rights here (no_new_privs, as sandboxes and services set it): start it outside";
  } else {
    found.mend = "setcap cap_net_admin,cap_net_raw,cap_net_bind_service=ep " + shell_word(own.program);
  }
  return found;
}

std::string process_text(const Situation& situation) {
  const auto pid = situation.facts.instance->process.pid;
  return pid > 0 ? "process " + std::to_string(pid) : "a process of another container";
}

// Others than SIGSTOP stop a process, too: Ctrl-Z, a debugger. The way on is the same.
Finding stopped(pid_t pid, const std::string& who, const std::string& meaning) {
  return {wrong, "up", who + " is stopped", meaning, "kill -CONT " + std::to_string(pid)};
}

bool is_taken(const DoctorFacts& facts, std::uint16_t port) {
  return std::ranges::any_of(facts.listeners, [port](const auto& one) { return one.at.port == port; });
}

bool is_heard(const DoctorFacts& facts, bool is_tcp, std::uint16_t port) {
  return std::ranges::any_of(facts.listeners,
                             [=](const auto& one) { return one.is_tcp == is_tcp && one.at.port == port; });
}

// Any address counts, for ours is all of them.
Findings check_free_port(const Situation& situation) {
  const auto usual = UpOptions().port;
  if (!is_taken(situation.facts, usual)) return {{right, "listeners", "the port that up takes is free", "", ""}};
  auto other = usual;
  while (is_taken(situation.facts, other)) --other;
  return {{wrong, "listeners", "somebody else listens on port " + std::to_string(usual),
           "tfunnel up sends what it captures to that port of its own, and cannot have it",
           up_line(situation, "--capture-port " + std::to_string(other))}};
}

// Rules of one's own, or of the examples: who listens may be any proxy that takes TPROXY's connections.
Finding check_handover(const Situation& situation, const Handover& handover) {
  const auto port = std::to_string(handover.port);
  if (is_heard(situation.facts, true, handover.port)) {
    return {right, "listeners", "somebody takes what table " + handover.table + " sends to port " + port, "", ""};
  }
  return {wrong, "listeners", "table " + handover.table + " sends to port " + port + ", where nobody listens",
          "what it captures is lost or refused", "tfunnel -p " + port + " --via COMMAND"};
}

Findings check_own_listener(const Situation& situation) {
  const auto port = situation.table->port;
  if (port == 0) return {};  // the rules are not whole, which is said already
  for (const bool is_tcp : {true, false}) {
    if (is_heard(situation.facts, is_tcp, port)) continue;
    return {{wrong, "listeners",
             "nobody listens on " + std::string(is_tcp ? "TCP" : "UDP") + " port " + std::to_string(port) +
                 ", to which the rules send what they capture",
             "all that is captured is refused", up_line(situation)}};
  }
  return {{right, "listeners", "up listens on port " + std::to_string(port), "", ""}};
}

}  // namespace

std::string up_line(const Situation& situation, const std::string& options) {
  return std::string("tfunnel up ") + (situation.runs() ? "--replace " : "") + options + (options.empty() ? "" : " ") +
         "--via COMMAND";
}

// Another user's may run, who has them.
Findings check_rights(const Situation& situation) {
  const auto& own = situation.facts.own;
  if (own.may_change_rules && own.may_send_raw) {
    return {{right, "capabilities", "CAP_NET_ADMIN and CAP_NET_RAW are there", "", ""}};
  }
  if (!situation.runs()) return {lacking_rights(own)};
  return {{skipped, "capabilities", "this user has no " + what_lacks(own), "doctor sees more as root", ""}};
}

// What is stopped explains all else that is wrong, and is told alone.
Findings check_instance(const Situation& situation) {
  Findings found;
  if (situation.is_stopped()) {
    found.push_back(stopped(situation.facts.instance->process.pid, process_text(situation) + ", the up that runs here,",
                            "it serves nobody, and restores nothing that others remove"));
  }
  if (situation.runs()) {
    for (const auto& child : situation.facts.instance->children) {
      if (!child.is_stopped) continue;
      found.push_back(stopped(child.pid, "process " + std::to_string(child.pid) + ", a part of the link,",
                              "nothing goes through the tunnel"));
    }
  }
  if (!found.empty()) return found;
  switch (situation.state) {
    case State::nothing: return {{right, "up", "no tfunnel up runs here, and none has left anything", "", ""}};
    case State::captures: return {{right, "up", process_text(situation) + " runs", "", ""}};
    case State::no_link_yet:
      return {{wrong, "up", process_text(situation) + " runs, and has had no link yet",
               "all goes out directly until there is one: it says why", "tfunnel down"}};
    case State::open:
      return {{wrong, "up", process_text(situation) + " runs, and its rules are gone",
               "all goes out directly: without a kill switch that is so while there is no link",
               up_line(situation, "--kill-switch on")}};
    case State::left_closed:
      return {{wrong, "up", "none runs, and the rules of one that was killed, or persists, stand",
               "all that it would take through the tunnel is refused", "tfunnel down"}};
    case State::left_routing: break;
  }
  return {{wrong, "up", "none runs, and the routing of one that was killed is left", "all goes out directly",
           "tfunnel down"}};
}

Findings check_listeners(const Situation& situation) {
  Findings found;
  if (situation.table && situation.runs()) found = check_own_listener(situation);
  if (situation.state == State::nothing) found = check_free_port(situation);
  if (!situation.facts.rules) return found;
  for (const auto& one : handovers(*situation.facts.rules)) found.push_back(check_handover(situation, one));
  return found;
}

// The soft limit does not matter: tfunnel raises it to the hard one.
Findings check_descriptors(const Situation& situation) {
  const auto& instance = situation.facts.instance;
  const bool is_told = instance && instance->descriptors;
  const auto most = is_told ? *instance->descriptors : situation.facts.own.descriptors;
  const auto count = std::to_string(most);
  const auto who = is_told ? "the up that runs here" : std::string("a tfunnel that is started here");
  if (most >= enough_descriptors) return {{right, "descriptors", who + " may open " + count + " files", "", ""}};
  const auto mend = is_told ? "prlimit --pid " + std::to_string(instance->process.pid) +
                                  " --nofile=" + many_descriptors + ":" + many_descriptors
                            : "ulimit -n " + std::string(many_descriptors);
  return {{most < few_descriptors ? wrong : warning, "descriptors", who + " may open " + count + " files only",
           "each connection takes one: some more are refused", mend}};
}

// Certificates and tickets are valid from some moment on.
Findings check_clock(const Situation& situation) {
  const auto& own = situation.facts.own;
  constexpr auto tolerance = std::chrono::hours(24);  // time zones of file systems
  if (own.now + tolerance >= own.made_at)
    return {{right, "clock", "it is after the day this program was made", "", ""}};
  return {{wrong, "clock", "it says a day before this program was made",
           "upstream proxies' certificates are taken for not valid yet, and tickets (Kerberos) are refused",
           "timedatectl set-ntp true"}};
}

}  // namespace tfunnel::client
