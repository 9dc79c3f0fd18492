#include "client/commands/answers.hpp"

#include <iostream>

#include "common/app/version.hpp"
#include "proxy/http/tls_client.hpp"

namespace tfunnel::client {

bool is_answered(const app::CommonOptions& common, const Subcommand& command, const Invocation& invocation) {
  if (common.help) std::cout << command.describe(invocation.all);
  if (!common.help && common.version) std::cout << invocation.version;
  return common.help || common.version;
}

std::string version_text(const std::string& commit) {
  return app::version_text("tfunnel", commit, proxy::tls_library());
}

}  // namespace tfunnel::client
