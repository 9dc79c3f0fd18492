// `tfunnel doctor`: what is wrong, and the line that mends it.
#pragma once

#include "client/doctor/probes.hpp"
#include "common/io/exit_status.hpp"

namespace tfunnel::client {

struct DoctorPlan {
  ProbePlan probes;
  bool json = false;
  bool strict = false;       // a warning counts, too
  bool only_faults = false;  // as text
};

/// Looks, probes, and prints what it found; changes nothing. ExitStatus::faults_found if something is wrong. Throws
/// boost::system::system_error if the kernel does not tell of its routing.
io::ExitStatus run_doctor(const DoctorPlan& plan, const DnsWords& words,
                          const std::vector<core::Endpoint>& nameservers);

}  // namespace tfunnel::client
