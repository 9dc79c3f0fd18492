#include "client/client_app.hpp"

#include <unistd.h>

#include "client/capture/capture.hpp"
#include "client/links/link_guard.hpp"
#include "client/routed_sets.hpp"
#include "client/via_client.hpp"
#include "common/app/tunnel.hpp"
#include "common/io/local_address_linux.hpp"

namespace tfunnel::client {

app::po::options_description client_description(ClientOptions& options) {
  app::po::options_description description("Client");
  auto add = description.add_options();
  // Read as signed numbers: unsigned ones would quietly take -1 for the largest.
  using Numbers = std::vector<std::int64_t>;
  const auto take_ports = [&options](const Numbers& ports) {
    for (const auto port : ports) {
      if (port < 1 || port > 65535) throw app::UsageError("--port is 1 to 65535");
      options.ports.push_back(static_cast<std::uint16_t>(port));
    }
  };
  const auto take_mark = [&options](std::int64_t mark) {
    if (mark < 1 || mark > 0xffffffff) throw app::UsageError("--fwmark is 1 to 4294967295");
    options.fwmark = static_cast<std::uint32_t>(mark);
  };
  add("port,p", app::po::value<Numbers>()->composing()->notifier(take_ports),
      "be the client: capture what TPROXY sends to this port; may be repeated");
  add("fwmark", app::po::value<std::int64_t>()->default_value(options.fwmark)->notifier(take_mark),
      "mark of our own packets, which capture rules must leave alone");
  description.add(link_description(options.link));
  return description;
}

void check(const ClientOptions& options, const std::set<std::string>& given) {
  check(options.link);
  for (const auto* option : {"via", "links", "link-wait"}) {
    if (!given.contains(option) || (!options.ports.empty() && !options.link.via.empty())) continue;
    const std::string wants = option == std::string_view("via") ? "--port" : "--port and --via";
    throw app::UsageError("--" + std::string(option) + " is the client's: it goes with " + wants);
  }
}

namespace {

// The sockets first: who may not have them need not answer ssh's questions.
io::ExitStatus serve_via(const app::CommonOptions& common, const ClientOptions& options) {
  if (common.tty) throw app::UsageError("--tty and --via exclude each other: the link is the command");
  auto sockets = open_capture_sockets(options.ports, options.fwmark);
  const LinkGuard guard;
  ViaHooks hooks;
  hooks.groups = guard.groups();
  hooks.sockets = [&] { return std::move(sockets); };
  hooks.is_local = io::is_local_address;
  hooks.name = "tfunnel client";
  hooks.terminal_owner = ::getpgrp();
  hooks.apply_reach = [](io::Descriptor, const io::Log& log) {
    return [sets = RoutedSets(log)](const core::Reach& reach) { sets.apply(reach); };
  };
  return run_via(common, options.link, Command::shell(options.link.via), hooks);
}

}  // namespace

io::ExitStatus run_client(const app::CommonOptions& common, const ClientOptions& options) {
  if (!options.link.via.empty()) return serve_via(common, options);
  const io::Log log(common.level(), common.format(), "tfunnel client");
  app::Tunnel tunnel(common, {wire::ROLE_CLIENT, false}, log);
  std::shared_ptr<io::Session> link;
  Capture capture(
      tunnel.context(), open_capture_sockets(options.ports, options.fwmark), [&] { return link; }, io::is_local_address,
      log);
  // The tunnel owns the session, which lives as long as the event loop.
  link = {std::shared_ptr<void>(), &tunnel.connect(nullptr)};
  const RoutedSets sets(log);
  link->on_ready = [&] {
    sets.apply(link->reach());
    capture.set_mode(CaptureMode::serve);
  };
  link->on_reach_change = [&] { sets.apply(link->reach()); };
  link->on_asked_to_drain = [&] { capture.set_mode(CaptureMode::wait); };
  tunnel.on_ending([&](bool linked) {
    if (!linked) capture.set_mode(CaptureMode::wait);
    capture.last_call();
  });
  return tunnel.run();
}

}  // namespace tfunnel::client
