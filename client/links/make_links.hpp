// The two kinds of links that a client may have.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <span>

#include "client/links/link_options.hpp"
#include "client/links/links.hpp"
#include "client/process/child_process.hpp"

namespace tfunnel::client {

/// Standard input and output.
MakeLinks standard_link(const app::CommonOptions& common);

/// The process that starts the commands of supervised links.
struct Supervision {
  Command command;
  /// Whose terminal a command may borrow for a question, before the first link is up.
  pid_t terminal_owner = 0;
  /// Told the process groups of the commands (0: none), so that somebody can end them should this process be killed.
  std::span<std::atomic<pid_t>> groups = {};
};

/// Links that this process starts itself, and again when they are lost.
MakeLinks supervised_links(const app::CommonOptions& common, const LinkOptions& options,
                           const Supervision& supervision);

}  // namespace tfunnel::client
