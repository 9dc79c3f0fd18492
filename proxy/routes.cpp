#include "proxy/routes.hpp"

namespace tfunnel::proxy {

namespace {

// Rules look at addresses. An upstream that is given a name looks it up itself, and a client chooses what
// stands in its first bytes: with rules, only addresses that passed them may go out.
NameOptions names_within(const ProxyOptions& options) {
  auto names = options.names;
  if (!options.access.rules.empty()) names.proxy_names = NameMode::never;
  return names;
}

}  // namespace

Routes::Routes(asio::io_context& context, const WaysOut::Wishes& wishes, InterceptorFactory* interceptors,
               const io::Log& log)
    : ways_out_(context, wishes, log),
      services_(context, ways_out_.way_out(), names_within(wishes.options), wishes.reserve, interceptors, log),
      datagrams_(wishes.gate, log, in_order(services_.datagrams())) {}

}  // namespace tfunnel::proxy
