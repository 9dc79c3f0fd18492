#include "client/commands/answers.hpp"

#include <iostream>

namespace tfunnel::client {

bool is_answered(const app::CommonOptions& common, const Subcommand& command, std::span<const Subcommand> all) {
  if (common.help) std::cout << command.describe(all);
  if (!common.help && common.version) std::cout << "tfunnel " TFUNNEL_VERSION "\n";
  return common.help || common.version;
}

}  // namespace tfunnel::client
