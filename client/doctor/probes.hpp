// What is sent round the whole loop, and what came of it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/doctor/finding.hpp"
#include "client/doctor/situation.hpp"
#include "common/core/bytes.hpp"
#include "common/core/time.hpp"

namespace tfunnel::client {

/// How questions to nameservers are written and read; see proxy/dns.
struct DnsWords {
  std::function<std::vector<std::uint8_t>(const std::string& name, std::uint16_t type, std::uint16_t id)> query;
  std::function<bool(core::ByteView answer, core::ByteView query)> answers;
  std::function<std::size_t(core::ByteView answer, std::uint16_t type)> count;
};

struct ProbePlan {
  std::string name;                      // empty: who is responsible for the root, which tells nobody anything
  std::optional<core::Endpoint> server;  // a nameserver; none: those that this machine asks
  core::Duration timeout;                // of each
};

enum class Outcome { answered, refused, unreachable, timed_out, ended, failed };

struct Probe {
  bool is_tcp = false;
  bool is_of_machine = false;  // its nameserver, not one that was chosen for the way to it
  core::Endpoint to;
  Outcome outcome = Outcome::failed;
  std::string why = {};  // the system's words
  std::chrono::microseconds took{0};
  unsigned code = 0;         // of the answer (RFC 1035, 4.1.1): 0: no error, 2: the server failed, 3: no such name
  bool has_records = false;  // of the asked type
};

/// What a `tfunnel up` tells of its link itself.
struct MeasuredLink {
  bool is_up = false;
  std::chrono::microseconds round_trip{0};
  double bytes_per_second = 0;
};

/// Whom to ask over what. Only those that the plan names if the rules do not take questions; nobody if what is sent may
/// go another way than asked: then `why_not` says so. Pure.
struct ProbeList {
  std::vector<Probe> probes;  // not made yet
  std::string why_not;
};
/// `found`: so far.
ProbeList choose_probes(const Situation& situation, const ProbePlan& plan, const Findings& found);

/// Makes them all at once, which takes the time-out at most. The sockets are like any program's. In probe.cpp.
void make(std::vector<Probe>& probes, const ProbePlan& plan, const DnsWords& words);

/// What the probes tell; `link` where one was asked. Pure.
Findings check_probes(const Situation& situation, const ProbePlan& plan, const std::vector<Probe>& probes,
                      const std::optional<MeasuredLink>& link);

}  // namespace tfunnel::client
