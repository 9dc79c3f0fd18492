// The client that starts its far ends itself.
#pragma once

#include <atomic>
#include <functional>
#include <span>

#include "client/capture/capture_sockets.hpp"
#include "client/capture/link_choice.hpp"
#include "client/links/child_process.hpp"
#include "client/links/link_options.hpp"
#include "common/core/reach.hpp"

namespace tfunnel::client {

/// What differs between the plain client and the one inside `run`.
struct ViaHooks {
  std::string name;  // starts our log lines
  /// Called once, when the links' commands have been started; may block.
  std::function<CaptureSockets()> sockets;
  LocalAddressTest is_local;
  /// Called once: a link is up, connections are taken, and no command asks anything on the terminal, nor may from then
  /// on. With how the far end's host completes names, if that tells. May be empty.
  std::function<void(const std::optional<core::ResolverHints>&)> on_ready;
  /// Where the far end has routes to is known, or has changed: before on_ready, and whenever it does later. May be
  /// empty. `routes` is what came with the sockets. Gives who applies it.
  std::function<std::function<void(const core::Reach&)>(io::Descriptor routes, const io::Log& log)> apply_reach;
  /// When the end is asked for, no application is left: all that they have sent counts, and nothing new comes. SIGTERM
  /// asks for the end, any other signal for an end at once.
  bool applications_are_gone = false;
  /// At the end what passed is printed, by destination.
  bool summary = false;
  /// Whose terminal a command may borrow for a question, before the first link is up.
  pid_t terminal_owner = 0;
  /// Told the process groups of the commands (0: none), for who ends them should this process be killed.
  std::span<std::atomic<pid_t>> groups;
};

/// Serves until a signal ends it, or until no link can be started at first.
io::ExitStatus run_via(const app::CommonOptions& common, const LinkOptions& options, const Command& command,
                       const ViaHooks& hooks);

}  // namespace tfunnel::client
