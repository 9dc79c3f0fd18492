// The client as a program.
#pragma once

#include <cstdint>
#include <vector>

#include "client/links/link_options.hpp"

namespace tfunnel::client {

struct ClientOptions {
  std::vector<std::uint16_t> ports;
  std::uint32_t fwmark = 3;
  LinkOptions link;
};

/// Values that make no sense throw app::UsageError when they are parsed.
app::po::options_description client_description(ClientOptions& options);

/// Throws app::UsageError for values that make no sense, or not together; `given` is what the command line names.
void check(const ClientOptions& options, const std::set<std::string>& given);

/// Captures on the ports and serves the link on standard input and output until it ends; with --via the links that it
/// starts, until a signal ends it.
io::ExitStatus run_client(const app::CommonOptions& common, const ClientOptions& options);

}  // namespace tfunnel::client
