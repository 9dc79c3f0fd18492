// The client as a whole program: the event loop, what is captured, the links, the signals, the end.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "client/capture/capture_sockets.hpp"
#include "client/links/links.hpp"
#include "client/program/capture_rules.hpp"
#include "common/app/options.hpp"
#include "common/core/resolver_hints.hpp"

namespace tfunnel::client {

/// The differences between the plain client and the one inside `run`.
struct ClientHooks {
  std::string name;  // starts our log lines
  /// For `tfunnel status`: which command this is, the process that a person knows of it, and the program that it runs.
  std::string command;
  pid_t process = 0;  // 0: this one
  std::string program = {};
  /// Nobody's service: a service manager hears nothing.
  bool tells_no_manager = false;
  /// Called once; may block.
  std::function<CaptureSockets()> sockets;
  /// They take a while, in which the links may start. Else the sockets come first: without them nobody need answer
  /// ssh's questions.
  bool sockets_come_late = false;
  LocalAddressTest is_local;
  /// Called once: a link is up, connections are taken, and no command asks anything on the terminal, nor may from then
  /// on. With how the far end's host completes names, if that tells. May be empty.
  std::function<void(const std::optional<core::ResolverHints>&)> on_ready;
  /// The far end's routes are known, or have changed: before on_ready, and whenever they do later. May be empty.
  /// `routes` came with the sockets. Returns the function that applies the routes.
  std::function<std::function<void(const core::Reach&)>(io::Descriptor routes, const io::Log& log)> apply_reach;
  /// Called once, after the sockets. Empty: somebody else sees to the rules.
  MakeCaptureRules rules;
  /// When the end is asked for, no application is left: all that they have sent counts, and nothing new comes. SIGTERM
  /// asks for the end, any other signal for an end at once.
  bool applications_are_gone = false;
  /// At the end a summary is printed, by destination.
  bool summary = false;
};

/// Serves until a signal ends it, or there is no link, and none will come.
io::ExitStatus run_client(const app::CommonOptions& common, const MakeLinks& make_links, const ClientHooks& hooks);

}  // namespace tfunnel::client
