// Test traffic for tfunnel: a server with many behaviours and clients that check or measure.
#include "traffic_commands.hpp"

#include <cstdio>
#include <exception>
#include <string>

namespace traffic {
namespace {

constexpr const char* usage = R"(usage: traffic COMMAND [options]; one JSON line on stdout

  serve        --port P [--bind ADDR...]       TCP and UDP on P, TCP that speaks first on P+1;
                                               prints "ready", ends on SIGTERM
All others:    --to ADDR --port P [--from ADDR[@PORT]]
  flows        --count 1000 --parallel 100 --max-size 1048576 --seed 1 --stall-timeout 30
               --kinds read_first write_first duplex up_close down_close
  short        --count 100000 --parallel 32 --size 64 [--client-closes-first]
  bulk         --direction up|down|both --flows 1 --seconds 5 | --bytes N (each flow) [--copy]
  rtt          --count 1000 --size 64 --interval-ms 0
  requests     --connections 32 --seconds 5 --size 64
  udp-rtt      --count 1000 --size 64 --interval-ms 0
  udp-blast    --size 1200 --rate-mbit 100 --seconds 5
  udp-sizes    [--sizes N...] --timeout-ms 20000
  idle         --count N --mode echo|unread-up|unread-down; prints "ready", holds until SIGTERM
  expect       refused|reset|unreachable|timeout|eof|reply[,...] [--udp] [--recverr]
               [--behaviour NAME] [--send BYTES] [--server-sends BYTES] [--timeout-ms 20000]
Exit status: 0 as wished, 1 something failed, 64 usage.
)";

using command = int (*)(arguments&);

command find_command(const std::string& name) {
  static const std::map<std::string, command> commands{{"serve", run_serve},
                                                       {"flows", run_flows},
                                                       {"short", run_short},
                                                       {"bulk", run_bulk},
                                                       {"rtt", run_rtt},
                                                       {"requests", run_requests},
                                                       {"udp-rtt", run_udp_rtt},
                                                       {"udp-blast", run_udp_blast},
                                                       {"udp-sizes", run_udp_sizes},
                                                       {"idle", run_idle},
                                                       {"expect", run_expect}};
  const auto found = commands.find(name);
  return found == commands.end() ? nullptr : found->second;
}

int run(int argc, char** argv) {
  const auto chosen = argc > 1 ? find_command(argv[1]) : nullptr;
  if (!chosen) throw usage_error("which command?");
  arguments args(argc - 2, argv + 2);
  return chosen(args);
}

}  // namespace

target::target(arguments& args)
    : to(make_endpoint(args.required("to"), std::uint16_t(args.number("port", 0)))), from(args.text("from", "")) {}

}  // namespace traffic

int main(int argc, char** argv) {
  try {
    return traffic::run(argc, argv);
  } catch (const traffic::usage_error& problem) {
    std::fprintf(stderr, "traffic: %s\n%s", problem.what(), traffic::usage);
    return 64;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "traffic: %s\n", problem.what());
    return 1;
  }
}
