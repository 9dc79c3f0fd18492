// tfunnel: the list of what it can do.
#include "client/commands/answers.hpp"
#include "client/commands/commands.hpp"
#include "common/app/arguments.hpp"
#include "common/app/commit.hpp"
#include "common/app/main_guard.hpp"
#include "common/app/standard_streams.hpp"

int main(int argc, char** argv) {
  using namespace tfunnel;
  app::open_standard_streams();
  const app::Arguments arguments(argc, argv);
  const client::Subcommand all[] = {client::default_command, client::run_command,  client::proxy_command,
                                    client::up_command,      client::down_command, client::status_command,
                                    client::doctor_command};
  return app::guarded("tfunnel", app::log_format_in(arguments.words()),
                      [&] { return client::dispatch(arguments.words(), all, client::version_text(app::commit())); });
}
