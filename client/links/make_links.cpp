#include "client/links/make_links.hpp"

#include <algorithm>

#include "client/links/link_group.hpp"
#include "client/links/standard_link.hpp"
#include "common/app/session_settings.hpp"

namespace tfunnel::client {

namespace {

// The links share what the process may keep.
LinkGroup::Settings group_settings(const app::CommonOptions& common, const LinkOptions& options,
                                   const Supervision& supervision) {
  constexpr std::size_t least_buffer = 1U << 20;
  LinkGroup::Settings settings{{supervision.command, app::session_settings(common, wire::ROLE_CLIENT)}};
  auto& session = settings.link.session;
  session.announces = false;
  session.far_end_warns_here = !supervision.command.has_own_stderr;
  session.buffer_size = std::max(session.buffer_size / static_cast<std::size_t>(options.links), least_buffer);
  settings.count = options.links;
  settings.link_wait = options.link_wait;
  settings.refusal = options.refusal;
  settings.link.keeps_trying = options.keep_trying;
  settings.terminal_owner = supervision.terminal_owner;
  settings.groups = supervision.groups;
  return settings;
}

}  // namespace

MakeLinks standard_link(const app::CommonOptions& common) {
  return [common](asio::io_context& context, Links::Events events, const io::Log& log) {
    return std::make_unique<StandardLink>(context, common, std::move(events), log);
  };
}

MakeLinks supervised_links(const app::CommonOptions& common, const LinkOptions& options,
                           const Supervision& supervision) {
  return [settings = group_settings(common, options, supervision)](asio::io_context& context, Links::Events events,
                                                                   const io::Log& log) {
    return std::make_unique<LinkGroup>(context, settings, std::move(events), log);
  };
}

}  // namespace tfunnel::client
