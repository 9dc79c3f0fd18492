#include "client/links/link_options.hpp"

#include "common/app/option_values.hpp"

namespace tfunnel::client {

namespace {
constexpr int most_links = 64;
}

app::po::options_description link_description(LinkOptions& options) {
  app::po::options_description description("Links");
  auto add = description.add_options();
  add("via", app::text_value(options.via, "arg"),
      "start the far end with this command, such as 'ssh host tfunnel', and again whenever it is lost");
  add("links", app::number_value(options.links, 1, most_links),
      "start it so many times, and spread connections over them");
  add("link-wait", app::seconds_value(options.link_wait, app::Bound::zero_too),
      "seconds that new connections wait for a lost link; then they are refused");
  add("keep-trying", app::po::bool_switch(&options.keep_trying),
      "a first start that fails is no end: it is tried again like a lost link");
  return description;
}

}  // namespace tfunnel::client
