// One function a command; each returns the exit status and prints one JSON line.
#pragma once

#include "traffic_args.hpp"
#include "traffic_net.hpp"

#include <cstdint>
#include <string>

namespace traffic {

// --to ADDRESS --port PORT [--from ADDRESS[@PORT]]: what every client command takes.
struct target {
  explicit target(arguments& args);
  endpoint to;
  std::string from;
};

int run_serve(arguments& args);
int run_flows(arguments& args);
int run_short(arguments& args);
int run_bulk(arguments& args);
int run_rtt(arguments& args);
int run_requests(arguments& args);
int run_udp_rtt(arguments& args);
int run_udp_blast(arguments& args);
int run_udp_sizes(arguments& args);
int run_idle(arguments& args);
int run_expect(arguments& args);

}  // namespace traffic
