// --preserve-source: the server sees the application's own address (Linux, ip(7): IP_TRANSPARENT).
#pragma once

#include "common/app/options.hpp"
#include "proxy/egress/source_binding.hpp"

namespace tfunnel::proxy {

struct PreserveSourceOptions {
  bool preserve = false;
};

/// `options` must outlive the parse.
app::po::options_description preserve_source_description(PreserveSourceOptions& options);

/// Sockets that are bound to addresses of others. The answers come to this host only if its routes and rules send them
/// to the local socket; see the manual.
class TransparentBinding final : public SourceBinding {
 public:
  /// Throws app::UsageError (status no_permission) if this process may not do it (CAP_NET_ADMIN).
  TransparentBinding();

  error_code bind(int socket, const core::Endpoint& source) override;
  bool take_over(const core::Endpoint& source, const core::Endpoint& destination) override;
};

}  // namespace tfunnel::proxy
