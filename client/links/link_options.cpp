#include "client/links/link_options.hpp"

namespace tfunnel::client {

namespace {
constexpr int most_links = 64;
}

app::po::options_description link_description(LinkOptions& options) {
  app::po::options_description description("Links");
  auto add = description.add_options();
  add("via", app::po::value(&options.via),
      "start the far end with this command, such as 'ssh host tfunnel', and again whenever it is lost");
  add("links", app::po::value(&options.links)->default_value(options.links),
      "start it so many times, and spread connections over them");
  add("link-wait", app::po::value(&options.link_wait)->default_value(options.link_wait),
      "seconds that new connections wait for a lost link; then they are refused");
  return description;
}

void check(const LinkOptions& options) {
  if (options.links < 1 || options.links > most_links) throw app::UsageError("--links is 1 to 64");
  if (!(options.link_wait >= 0)) throw app::UsageError("--link-wait is seconds, 0 or more");
}

}  // namespace tfunnel::client
