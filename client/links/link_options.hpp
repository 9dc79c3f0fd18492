// How the client gets its links, if not over its own standard input and output.
#pragma once

#include <chrono>
#include <string>

#include "common/app/options.hpp"

namespace tfunnel::client {

/// When is what cannot be carried refused, as far as we know? Others tell of it else.
enum class Refusal { always, after_the_first_link, never };

struct LinkOptions {
  std::string via;
  int links = 1;
  core::Duration link_wait = std::chrono::seconds(30);
  bool keep_trying = false;
  Refusal refusal = Refusal::always;  // no option
};

/// `options` must outlive the parse.
app::po::options_description link_description(LinkOptions& options);

}  // namespace tfunnel::client
