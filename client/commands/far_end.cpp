#include "client/commands/far_end.hpp"

#include "common/io/reach_linux.hpp"
#include "proxy/upstream.hpp"

namespace tfunnel::client {

app::po::options_description far_end_description(FarEndOptions& options) {
  auto description = proxy::proxy_description(options.proxy);
  description.add(proxy::preserve_source_description(options.source));
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

io::ExitStatus run_far_end(const app::CommonOptions& common, const FarEndOptions& options) {
  proxy::ProxyExtensions extensions;
  extensions.reach = io::routed_networks;
  if (!options.source.preserve) return proxy::run_proxy(common, options.proxy, extensions);
  proxy::TransparentBinding binding;
  extensions.binding = &binding;
  return proxy::run_proxy(common, options.proxy, extensions);
}

}  // namespace tfunnel::client
