// How the client gets its links, if not over its own standard input and output.
#pragma once

#include <chrono>
#include <string>

#include "common/app/options.hpp"

namespace tfunnel::client {

struct LinkOptions {
  std::string via;
  int links = 1;
  core::Duration link_wait = std::chrono::seconds(30);
  bool keep_trying = false;
  bool refuses_before_first = true;  // no option: do new connections come here before the first link is up?
};

/// `options` must outlive the parse.
app::po::options_description link_description(LinkOptions& options);

}  // namespace tfunnel::client
