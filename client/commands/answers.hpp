// The questions that every command answers before it does anything.
#pragma once

#include <string>

#include "client/commands/subcommand.hpp"
#include "common/app/options.hpp"

namespace tfunnel::client {

/// --help or --version was asked for, and is answered. `common` has been parsed.
bool is_answered(const app::CommonOptions& common, const Subcommand& command, const Invocation& invocation);

/// What --version says of a program that was built from `commit`.
std::string version_text(const std::string& commit);

}  // namespace tfunnel::client
