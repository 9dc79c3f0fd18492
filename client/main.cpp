// tfunnel: the client with --port, else the proxy. The only place that knows both.
#include <iostream>
#include <string_view>

#include "client/client_app.hpp"
#include "client/run/run_options.hpp"
#include "common/app/arguments.hpp"
#include "common/app/main_guard.hpp"
#include "common/app/standard_streams.hpp"
#include "common/io/reach_linux.hpp"
#include "proxy/preserve_source_linux.hpp"
#include "proxy/proxy_app.hpp"

namespace {

using tfunnel::io::ExitStatus;

void print_help(const tfunnel::app::po::options_description& description) {
  std::cout << "tfunnel: captures TCP and UDP here and recreates it at the far end of any byte stream\n\n"
               "  tfunnel -p PORT   the client, on standard input and output\n"
               "  tfunnel           the proxy, on standard input and output\n"
               "  tfunnel run       a program whose whole network is the tunnel: see tfunnel run --help\n"
               "  tfunnel proxy     the proxy, even if a --config file is a client's\n\n"
               "Join the two, for example:\n"
               "  socat EXEC:'tfunnel -p 12300' EXEC:'ssh host tfunnel'\n"
               "or let the client start the far end, and again whenever the link is lost:\n"
               "  tfunnel -p 12300 --via 'ssh -o ControlPath=none -o ServerAliveInterval=15 host tfunnel'\n\n"
            << description;
}

ExitStatus run_as_proxy(const tfunnel::app::CommonOptions& common, const tfunnel::proxy::ProxyOptions& options,
                        bool preserve_source) {
  tfunnel::proxy::ProxyExtensions extensions;
  extensions.reach = tfunnel::io::routed_networks;
  if (!preserve_source) return run_proxy(common, options, extensions);
  tfunnel::proxy::TransparentBinding binding;
  extensions.binding = &binding;
  return run_proxy(common, options, extensions);
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

/// Everything that the command line may say; what of it counts is for the subcommand to decide.
struct Options {
  tfunnel::app::CommonOptions common;
  tfunnel::client::ClientOptions client;
  tfunnel::client::RunOptions run;
  tfunnel::proxy::ProxyOptions proxy;
  tfunnel::proxy::PreserveSourceOptions source;

  tfunnel::app::po::options_description of_proxy() {
    auto description = tfunnel::proxy::proxy_description(proxy);
    description.add(tfunnel::proxy::preserve_source_description(source));
    return description;
  }
};

bool is_answered(const Options& options, void (*help)(const tfunnel::app::po::options_description&),
                 const tfunnel::app::po::options_description& description) {
  if (options.common.help) help(description);
  if (!options.common.help && options.common.version) std::cout << "tfunnel " TFUNNEL_VERSION "\n";
  return options.common.help || options.common.version;
}

ExitStatus join(int count, const char* const* values) {
  Options options;
  tfunnel::app::po::options_description description;
  description.add(tfunnel::client::client_description(options.client));
  const auto of_proxy = options.of_proxy();
  description.add(of_proxy);
  description.add(tfunnel::app::common_description(options.common));
  const auto given = tfunnel::app::parse(count, values, description);
  if (is_answered(options, print_help, description)) return ExitStatus::ok;
  check(options.common);
  check(options.proxy);
  check(options.client, given);
  if (options.client.ports.empty()) return run_as_proxy(options.common, options.proxy, options.source.preserve);
  refuse_for_client(given, of_proxy);
  return run_client(options.common, options.client);
}

// The proxy, whatever a file that --config names says of ports or of `run`: it may serve both ends.
ExitStatus proxy(int count, const char* const* values) {
  Options options;
  tfunnel::app::po::options_description description;
  description.add(options.of_proxy()).add(tfunnel::app::common_description(options.common));
  tfunnel::app::po::options_description of_others;
  of_others.add(tfunnel::client::client_description(options.client));
  of_others.add(tfunnel::client::run_description(options.run));
  tfunnel::app::po::options_description all;
  all.add(description).add(of_others);
  const auto given = tfunnel::app::parse(count - 1, values + 1, all);
  if (is_answered(options, print_help, description)) return ExitStatus::ok;
  for (const auto& option : of_others.options()) {
    if (!given.contains(option->long_name())) continue;
    throw tfunnel::app::UsageError("--" + option->long_name() + " is not for the proxy");
  }
  check(options.common);
  check(options.proxy);
  return run_as_proxy(options.common, options.proxy, options.source.preserve);
}

void print_run_help(const tfunnel::app::po::options_description& description) {
  std::cout << "tfunnel run: a program whose whole network is the tunnel\n\n"
               "  tfunnel run --via COMMAND [options] -- PROGRAM [ARGUMENTS]\n"
               "  tfunnel run [options, also the proxy's] -- PROGRAM [ARGUMENTS]\n\n"
               "COMMAND starts the far end, for example:\n"
               "  tfunnel run --via 'ssh -o ControlPath=none -o ServerAliveInterval=15 host tfunnel' -- curl "
               "https://example.com/\n"
               "Without --via the far end runs on this machine, which is of use with --http-proxy and the like.\n"
               "No root is needed. The exit status is the program's. What it had sent is delivered before this ends\n"
               "(--linger); 75 if the program's status is 0, but not all was.\n\n"
            << description;
}

// What the far end's own command line has to say.
void refuse_for_run(const std::set<std::string>& given, const tfunnel::app::po::options_description& of_proxy) {
  for (const auto& option : of_proxy.options()) {
    const auto& name = option->long_name();
    if (name == "dns" || !given.contains(name)) continue;
    throw tfunnel::app::UsageError("--" + name + " is for the far end: put it into the command of --via");
  }
}

ExitStatus run(int count, const char* const* values) {
  Options options;
  const auto words = tfunnel::client::split_run_words(count, values);
  const auto of_proxy = options.of_proxy();
  tfunnel::app::po::options_description of_far_end;
  of_far_end.add(of_proxy).add(tfunnel::app::common_description(options.common));
  tfunnel::app::po::options_description description;
  description.add(tfunnel::client::run_description(options.run));
  description.add(tfunnel::client::link_description(options.run.link)).add(of_far_end);
  const auto given = tfunnel::app::parse(static_cast<int>(words.options.size()), words.options.data(), description);
  if (is_answered(options, print_run_help, description)) return ExitStatus::ok;
  check(options.common);
  check(options.proxy);
  tfunnel::client::RunNames names{options.proxy.names.resolver_addresses, options.proxy.names.dns};
  if (options.proxy.names.resolver().empty()) names.resolvers.clear();
  check(options.run, words, options.common, names);
  if (options.source.preserve) {
    throw tfunnel::app::UsageError("run has no address of its own that servers could answer to: no --preserve-source");
  }
  if (!options.run.link.via.empty()) refuse_for_run(given, of_proxy);
  return tfunnel::client::run_program({options.common,
                                       options.run.link,
                                       {options.run.hide, nameservers(options.run, names), options.run.show},
                                       local_far_end(words, description, of_far_end),
                                       words.program,
                                       !options.run.no_seccomp,
                                       options.run.summary});
}

ExitStatus dispatch(const tfunnel::app::Arguments& arguments) {
  const auto count = arguments.count();
  const std::string_view word = count > 1 ? arguments.values()[1] : "";
  if (word == "run") return run(count, arguments.values());
  if (word == "proxy") return proxy(count, arguments.values());
  return join(count, arguments.values());
}

}  // namespace

int main(int argc, char** argv) {
  tfunnel::app::open_standard_streams();
  const tfunnel::app::Arguments arguments(argc, argv);
  return tfunnel::app::guarded("tfunnel", [&] { return dispatch(arguments); });
}
