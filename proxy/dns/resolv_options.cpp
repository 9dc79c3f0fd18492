#include "proxy/dns/resolv_options.hpp"

#include "common/core/resolv_conf.hpp"

namespace tfunnel::proxy {

namespace {

void take(ResolvOptions& options, const core::ResolvConf& conf) {
  if (conf.timeout) options.timeout = std::chrono::seconds(*conf.timeout);
  if (conf.attempts) options.attempts = static_cast<int>(*conf.attempts);
  options.rotate = options.rotate || conf.rotate;
}

}  // namespace

void ResolvOptions::apply(std::string_view words) {
  core::ResolvConf conf;
  conf.take_options(words);
  take(*this, conf);
}

ResolvOptions parse_resolv_options(std::string_view text) {
  ResolvOptions options;
  take(options, core::parse_resolv_conf(text));
  return options;
}

}  // namespace tfunnel::proxy
