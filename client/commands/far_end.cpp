#include "client/commands/far_end.hpp"

#include "common/app/option_values.hpp"
#include "common/io/reach_linux.hpp"
#include "common/io/socket_mark.hpp"
#include "proxy/upstream.hpp"

namespace tfunnel::client {

namespace {

void check_mark(std::uint32_t mark) {
  if (mark == 0) return;
  asio::io_context context;
  udp::socket probe(context, udp::v4());
  const auto error = io::mark_socket(probe.native_handle(), mark);
  if (!error) return;
  throw app::UsageError("--egress-mark: " + error.message() +
                            "; it needs CAP_NET_ADMIN: run as root, or setcap cap_net_admin=ep on the program",
                        io::ExitStatus::no_permission);
}

app::po::value_semantic* mark_or_none_value(std::uint32_t& target) {
  const auto parse = [](std::string_view text) { return text == "0" ? std::optional(0U) : app::parse_mark(text); };
  return new app::ParsedValue<std::uint32_t>(target, parse, "0 to 4294967295, or 0x1 to 0xffffffff",
                                             app::with_default("0"));
}

}  // namespace

app::po::options_description far_end_description(FarEndOptions& options) {
  auto description = proxy::proxy_description(options.proxy);
  description.add(proxy::preserve_source_description(options.source));
  description.add_options()("egress-mark", mark_or_none_value(options.egress_mark),
                            "Linux, with CAP_NET_ADMIN: mark of the packets that we send, for capture rules; 0: none");
  return description;
}

app::po::options_description far_end_description(FarEndOptions& options, app::CommonOptions& common) {
  app::po::options_description description;
  description.add(far_end_description(options)).add(app::common_description(common));
  return description;
}

void check_far_end(const FarEndOptions& options) {
  proxy::understand_upstream(options.proxy, proxy::own_environment(), options.source.preserve);
}

void refuse_for_near_end(const std::set<std::string>& given, std::string_view but) {
  FarEndOptions ignored;
  const auto of_far_end = far_end_description(ignored);
  for (const auto& option : of_far_end.options()) {
    const auto& name = option->long_name();
    if (name == but || !given.contains(name)) continue;
    throw app::UsageError("--" + name + " is for the far end: put it into the command of --via");
  }
}

io::ExitStatus run_far_end(const app::CommonOptions& common, const FarEndOptions& options) {
  proxy::ProxyExtensions extensions;
  extensions.reach = io::routed_networks;
  extensions.mark = options.egress_mark;
  check_mark(extensions.mark);
  if (!options.source.preserve) return proxy::run_proxy(common, options.proxy, extensions);
  proxy::TransparentBinding binding;
  extensions.binding = &binding;
  return proxy::run_proxy(common, options.proxy, extensions);
}

}  // namespace tfunnel::client
