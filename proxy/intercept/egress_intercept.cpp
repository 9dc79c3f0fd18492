#include "proxy/intercept/egress_intercept.hpp"

#include "proxy/intercept/interceptor_pump.hpp"
#include "proxy/io/local_pair.hpp"

namespace tfunnel::proxy {

result<tcp::socket> InterceptEgress::connect(const Target& target, asio::yield_context yield) {
  auto socket = others_.connect(target, yield);
  if (!socket) return socket;
  auto interceptor = factory_.intercept(target);
  if (!interceptor) return socket;
  auto charge = charge_for(target, InterceptorPump::least_cost);
  if (!charge) return error_code(asio::error::no_buffer_space);
  auto pair = make_local_pair(context_, yield);
  if (!pair) {
    log_.about_flow(io::LogLevel::warning, "no room for an interceptor: " + pair.error().message(),
                    {{"destination", target.destination.text()}});
    return pair.error();
  }
  const auto pump = std::make_shared<InterceptorPump>(std::move(pair->second), std::move(*socket),
                                                      std::move(interceptor), std::move(*charge));
  pump->start();
  return std::move(pair->first);
}

}  // namespace tfunnel::proxy
