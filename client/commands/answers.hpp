// The questions that every command answers before it does anything.
#pragma once

#include "client/commands/subcommand.hpp"
#include "common/app/options.hpp"

namespace tfunnel::client {

/// --help or --version was asked for, and is answered. `common` has been parsed.
bool is_answered(const app::CommonOptions& common, const Subcommand& command, std::span<const Subcommand> all);

}  // namespace tfunnel::client
