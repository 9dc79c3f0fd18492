#include "client/doctor/run_doctor.hpp"

#include <iostream>
#include <thread>

#include "client/doctor/checks.hpp"
#include "client/doctor/look_linux.hpp"
#include "client/doctor/measured_link.hpp"
#include "client/doctor/report.hpp"

namespace tfunnel::client {

namespace {

// What somebody has removed is back by then.
constexpr int most_looks = 20;
constexpr std::chrono::milliseconds between_looks{50};

DoctorFacts look(const std::vector<core::Endpoint>& nameservers) {
  auto facts = look_at_machine(nameservers);
  for (int i = 1; i < most_looks && is_being_restored(situation_of(facts)); ++i) {
    std::this_thread::sleep_for(between_looks);
    look_again(facts);
  }
  return facts;
}

std::optional<MeasuredLink> ask_of_link(const Situation& situation, core::Duration patience) {
  if (situation.state != State::captures || !situation.runs()) return std::nullopt;
  return measured_link(ask_status(patience), situation.facts.instance->process.pid);
}

Findings probe(const Situation& situation, const ProbePlan& plan, const DnsWords& words, const Findings& found) {
  auto list = choose_probes(situation, plan, found);
  if (!list.why_not.empty()) return {{Verdict::skipped, "probes", list.why_not, "", ""}};
  make(list.probes, plan, words);
  return check_probes(situation, plan, list.probes, ask_of_link(situation, plan.timeout));
}

}  // namespace

io::ExitStatus run_doctor(const DoctorPlan& plan, const DnsWords& words,
                          const std::vector<core::Endpoint>& nameservers) {
  const auto facts = look(nameservers);
  const auto situation = situation_of(facts);
  auto findings = check_all(situation, plan.probes.server);
  append(findings, probe(situation, plan.probes, words, findings));
  const bool is_well = is_healthy(findings, plan.strict);
  std::cout << (plan.json ? as_json(findings, is_well) : as_text(findings, plan.only_faults)) << std::flush;
  return is_well ? io::ExitStatus::ok : io::ExitStatus::faults_found;
}

}  // namespace tfunnel::client
