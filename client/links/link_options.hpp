// How the client gets its links, if not over its own standard input and output.
#pragma once

#include <string>

#include "common/app/options.hpp"

namespace tfunnel::client {

struct LinkOptions {
  std::string via;
  int links = 1;
  double link_wait = 30;  // seconds
};

app::po::options_description link_description(LinkOptions& options);

/// Throws app::UsageError for values that make no sense.
void check(const LinkOptions& options);

}  // namespace tfunnel::client
