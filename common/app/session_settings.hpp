// The meaning of the command line for a session.
#pragma once

#include "common/app/options.hpp"
#include "common/io/session.hpp"

namespace tfunnel::app {

/// The settings that `options` ask for; raises the process's limit of descriptors.
io::Session::Settings session_settings(const CommonOptions& options, wire::Role role);

/// How long what is left at the end is waited for.
core::Drain::Limits drain_limits(const CommonOptions& options);

}  // namespace tfunnel::app
