#include "client/links/standard_link.hpp"

#include <utility>

#include "common/app/ending.hpp"

namespace tfunnel::client {

namespace {

io::Session::Settings settings_of(const app::StandardChannel& channel, const Links::Events& events) {
  auto settings = channel.session_settings(wire::ROLE_CLIENT);
  settings.on_flow_over = events.on_flow_over;
  return settings;
}

}  // namespace

StandardLink::StandardLink(asio::io_context& context, const app::CommonOptions& options, Events events,
                           const io::Log& log)
    : events_(std::move(events)),
      channel_(context, options),
      session_(context, channel_.channel(), settings_of(channel_, events_), nullptr, log) {
  session_.on_ready = [this] { on_ready(); };
  session_.on_reach_change = [this] { tell_reach(); };
  session_.on_asked_to_drain = [this] { events_.on_mode(CaptureMode::wait); };
  session_.on_progress = [this] { events_.on_progress(); };
  session_.on_end = [this, &log](io::ExitStatus status, const std::string& why) {
    is_up_ = false;
    since_ = std::chrono::steady_clock::now();
    events_.on_end(app::Ending::say_link_end(log, session_, status, why));
  };
}

void StandardLink::on_ready() {
  is_up_ = true;
  since_ = std::chrono::steady_clock::now();
  tell_reach();
  events_.on_mode(CaptureMode::serve);
}

std::vector<LinkFacts> StandardLink::facts(std::size_t most_flows) const {
  LinkFacts facts{is_up_, since_, since_ ? session_.peer_software() : "", 0, "", {}};
  if (is_up_) facts.table = session_.table(most_flows);
  return {std::move(facts)};
}

void StandardLink::tell_reach() {
  if (is_up_) events_.on_reach(session_.reach());
}

}  // namespace tfunnel::client
