#include <sstream>

#include "client/commands/answers.hpp"
#include "client/commands/commands.hpp"
#include "client/doctor/run_doctor.hpp"
#include "common/app/option_values.hpp"
#include "common/core/host_name.hpp"
#include "proxy/dns/dns_records.hpp"
#include "proxy/dns/nameservers.hpp"
#include "proxy/names/name_options.hpp"

namespace tfunnel::client {

namespace {

struct Options {
  app::CommonOptions common;
  std::string name;
  std::string server;
  DoctorPlan plan{{"", {}, std::chrono::seconds(5)}, false, false, false};
};

app::po::options_description description_of(Options& options) {
  app::po::options_description description("Doctor");
  auto add = description.add_options();
  add("name", app::text_value(options.name, "arg"), "a host name to look up round the whole loop");
  add("server", app::text_value(options.server, "arg"),
      "ADDRESS[:PORT] of a nameserver to ask over TCP and UDP (port 53)");
  add("timeout", app::seconds_value(options.plan.probes.timeout, app::Bound::positive),
      "seconds that each probe may take");
  add("json", app::po::bool_switch(&options.plan.json), "print one JSON object");
  add("strict", app::po::bool_switch(&options.plan.strict), "exit status 1 for warnings, too");
  description.add(app::common_description(options.common));
  return description;
}

std::string describe(std::span<const Subcommand>) {
  std::ostringstream text;
  Options options;
  text << "tfunnel doctor: says what is wrong with tunnels of this machine, and the line that mends it\n\n"
          "  tfunnel doctor [--name NAME] [--server ADDRESS] [options]\n\n"
          "It looks at capabilities, the kernel, listeners, rules, routes, settings and nameservers, and then sends\n"
          "questions round the whole loop, as any program here would. It changes nothing. As root it sees more.\n"
          "Exit status 0: nothing is wrong; 1: something is.\n\n"
       << description_of(options);
  return text.str();
}

void take_name(Options& options) {
  if (options.name.empty()) return;
  const auto name = core::host_name(options.name);
  if (!name) throw app::UsageError("--name is a host name, not " + app::in_quotes(options.name));
  options.plan.probes.name = *name;
}

void take_server(Options& options) {
  if (options.server.empty()) return;
  options.plan.probes.server = proxy::parse_server(options.server, proxy::dns::port);
  if (!options.plan.probes.server) {
    throw app::UsageError("--server is ADDRESS or ADDRESS:PORT (IPv6: [ADDRESS]:PORT), not " +
                          app::in_quotes(options.server));
  }
}

const DnsWords words{proxy::dns::make_query, proxy::dns::answers, proxy::dns::count_answers};

io::ExitStatus run(const Invocation& invocation) {
  Options options;
  const auto given = app::parse(invocation.words, description_of(options),
                                [&](const std::string& word) { return meaning_of(word, invocation.all); });
  if (is_answered(options.common, doctor_command, invocation)) return io::ExitStatus::ok;
  check(options.common, given);
  take_name(options);
  take_server(options);
  options.plan.only_faults = options.common.quiet;
  return run_doctor(options.plan, words, proxy::Nameservers().current());
}

}  // namespace

const Subcommand doctor_command{"doctor", "what is wrong here, and the line that mends it", describe, run};

}  // namespace tfunnel::client
