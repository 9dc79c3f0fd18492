// tfunnel-proxy-only: the far end alone, for systems where the client cannot be built.
#include <iostream>

#include "common/app/arguments.hpp"
#include "common/app/commit.hpp"
#include "common/app/main_guard.hpp"
#include "common/app/standard_streams.hpp"
#include "common/app/version.hpp"
#include "proxy/http/tls_client.hpp"
#include "proxy/proxy_app.hpp"

namespace {

using tfunnel::io::ExitStatus;

ExitStatus run(const tfunnel::app::Arguments& arguments) {
  tfunnel::app::CommonOptions common;
  tfunnel::proxy::ProxyOptions proxy;
  auto description = tfunnel::app::common_description(common);
  description.add(tfunnel::proxy::proxy_description(proxy));
  const auto given = tfunnel::app::parse(arguments.words(), description);
  if (common.help) {
    std::cout << "tfunnel-proxy-only: the far end of a tunnel, on standard input and output\n\n" << description;
    return ExitStatus::ok;
  }
  if (common.version) {
    std::cout << tfunnel::app::version_text("tfunnel-proxy-only", tfunnel::app::commit(),
                                            tfunnel::proxy::tls_library());
    return ExitStatus::ok;
  }
  check(common, given);
  check(proxy);
  return run_proxy(common, proxy);
}

}  // namespace

int main(int argc, char** argv) {
  tfunnel::app::open_standard_streams();
  const tfunnel::app::Arguments arguments(argc, argv);
  return tfunnel::app::guarded("tfunnel-proxy-only", tfunnel::app::log_format_in(arguments.words()),
                               [&] { return run(arguments); });
}
