#include "client/commands/client_options.hpp"

#include <unistd.h>

#include <optional>

#include "client/links/link_guard.hpp"
#include "client/links/make_links.hpp"
#include "client/program/client_program.hpp"
#include "client/rules/routed_sets.hpp"
#include "common/app/option_values.hpp"
#include "common/io/local_address_linux.hpp"

namespace tfunnel::client {

app::po::options_description client_description(ClientOptions& options) {
  app::po::options_description description("Client");
  auto add = description.add_options();
  add("port,p", app::numbers_value(options.ports, 1, 65535),
      "be the client: capture what TPROXY sends to this port; may be repeated");
  add("fwmark", app::mark_value(options.fwmark), "mark of our own packets, which capture rules must leave alone");
  description.add(link_description(options.link));
  return description;
}

void check(const ClientOptions& options, const app::CommonOptions& common, const std::set<std::string>& given) {
  for (const std::string option : {"via", "fwmark", "links", "link-wait", "keep-trying"}) {
    const bool wants_via = option != "via" && option != "fwmark";
    if (!given.contains(option) || (!options.ports.empty() && (!wants_via || !options.link.via.empty()))) continue;
    throw app::UsageError("--" + option + " is the client's: it goes with --port" + (wants_via ? " and --via" : ""));
  }
  if (common.tty && !options.link.via.empty())
    throw app::UsageError("--tty and --via exclude each other: the link is the command");
}

io::ExitStatus run_client(const app::CommonOptions& common, const ClientOptions& options) {
  ClientHooks hooks;
  hooks.name = "tfunnel client";
  hooks.command = "client";
  hooks.sockets = [&] { return open_capture_sockets(options.ports, options.fwmark); };
  hooks.is_local = io::is_local_address;
  hooks.apply_reach = [](io::Descriptor, const io::Log& log) {
    return [sets = RoutedSets(log)](const core::Reach& reach) { sets.apply(reach); };
  };
  if (options.link.via.empty()) return run_client(common, standard_link(common), hooks);
  const LinkGuard guard;
  const Supervision supervision{Command::shell(options.link.via), ::getpgrp(), guard.groups()};
  return run_client(common, supervised_links(common, options.link, supervision), hooks);
}

}  // namespace tfunnel::client
