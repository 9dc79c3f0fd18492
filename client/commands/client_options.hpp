// The command line of the client that captures what rules send to its ports.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "client/links/link_options.hpp"

namespace tfunnel::client {

struct ClientOptions {
  std::vector<std::uint16_t> ports;
  std::uint32_t fwmark = 3;
  LinkOptions link;
};

/// `options` must outlive the parse.
app::po::options_description client_description(ClientOptions& options);

/// Throws app::UsageError for what makes no sense together; `given` is what the command line names.
void check(const ClientOptions& options, const app::CommonOptions& common, const std::set<std::string>& given);

/// Captures on the ports and serves the link on standard input and output until it ends; with --via the links that it
/// starts, until a signal ends it.
io::ExitStatus run_client(const app::CommonOptions& common, const ClientOptions& options);

}  // namespace tfunnel::client
