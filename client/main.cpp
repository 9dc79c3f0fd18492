// tfunnel: the client with --port, else the proxy. The only place that knows both.
#include <iostream>

#include "client/client_app.hpp"
#include "common/app/arguments.hpp"
#include "common/app/main_guard.hpp"
#include "proxy/preserve_source_linux.hpp"
#include "proxy/proxy_app.hpp"

namespace {

using tfunnel::io::ExitStatus;

void print_help(const tfunnel::app::po::options_description& description) {
  std::cout << "tfunnel: captures TCP and UDP here and recreates it at the far end of any byte stream\n\n"
               "  tfunnel -p PORT   the client, on standard input and output\n"
               "  tfunnel           the proxy, on standard input and output\n\n"
               "Join the two, for example:\n"
               "  socat EXEC:'tfunnel -p 12300' EXEC:'ssh host tfunnel'\n"
               "or let the client start the far end, and again whenever the link is lost:\n"
               "  tfunnel -p 12300 --via 'ssh host tfunnel'\n\n"
            << description;
}

ExitStatus run_as_proxy(const tfunnel::app::CommonOptions& common, const tfunnel::proxy::ProxyOptions& options,
                        bool preserve_source) {
  if (!preserve_source) return run_proxy(common, options);
  tfunnel::proxy::TransparentBinding binding;
  return run_proxy(common, options, {.binding = &binding});
}

// Who gives the client an option of the proxy's would wait in vain for its effect. A file that --config names may
// serve both ends.
void refuse_for_client(const std::set<std::string>& given, const tfunnel::app::po::options_description& of_proxy) {
  for (const auto& option : of_proxy.options()) {
    if (!given.contains(option->long_name())) continue;
    throw tfunnel::app::UsageError("--" + option->long_name() +
                                   " is for the far end: give it to the tfunnel that has no --port");
  }
}

ExitStatus run(const tfunnel::app::Arguments& arguments) {
  tfunnel::app::CommonOptions common;
  tfunnel::client::ClientOptions client;
  tfunnel::proxy::ProxyOptions proxy;
  tfunnel::proxy::PreserveSourceOptions source;
  tfunnel::app::po::options_description description;
  description.add(tfunnel::client::client_description(client));
  auto of_proxy = tfunnel::proxy::proxy_description(proxy);
  of_proxy.add(tfunnel::proxy::preserve_source_description(source));
  description.add(of_proxy);
  description.add(tfunnel::app::common_description(common));
  const auto given = tfunnel::app::parse(arguments.count(), arguments.values(), description);
  if (common.help) {
    print_help(description);
    return ExitStatus::ok;
  }
  if (common.version) {
    std::cout << "tfunnel " TFUNNEL_VERSION "\n";
    return ExitStatus::ok;
  }
  check(common);
  check(proxy);
  check(client.link);
  for (const auto* option : {"via", "links", "link-wait"}) {
    if (!given.contains(option) || (!client.ports.empty() && !client.link.via.empty())) continue;
    throw tfunnel::app::UsageError("--" + std::string(option) + " is the client's, with --port and --via: see --help");
  }
  if (client.ports.empty()) return run_as_proxy(common, proxy, source.preserve);
  refuse_for_client(given, of_proxy);
  return run_client(common, client);
}

}  // namespace

int main(int argc, char** argv) {
  const tfunnel::app::Arguments arguments(argc, argv);
  return tfunnel::app::guarded("tfunnel", [&] { return run(arguments); });
}
