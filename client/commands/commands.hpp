// The commands that there are.
#pragma once

#include "client/commands/subcommand.hpp"

namespace tfunnel::client {

/// Without a word: the client with --port, else the proxy.
extern const Subcommand default_command;
/// The proxy, whatever a file that --config names says of ports or of `run`: it may serve both ends.
extern const Subcommand proxy_command;
/// A program whose whole network is the tunnel.
extern const Subcommand run_command;
/// All traffic of this machine through the tunnel, and back.
extern const Subcommand up_command;
extern const Subcommand down_command;
/// How those that run are doing.
extern const Subcommand status_command;
/// What is wrong with tunnels here.
extern const Subcommand doctor_command;

}  // namespace tfunnel::client
