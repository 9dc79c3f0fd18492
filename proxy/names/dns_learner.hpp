// Names out of DNS over TCP.
#pragma once

#include "proxy/intercept/interceptor.hpp"
#include "proxy/names/name_table.hpp"

namespace tfunnel::proxy {

/// Reads along in streams to port 53, and puts the answers into a table of names. Changes nothing.
class DnsLearner final : public InterceptorFactory {
 public:
  /// `table` must outlive the io_context's last handler.
  explicit DnsLearner(NameTable& table) : table_(table) {}

  std::unique_ptr<Interceptor> intercept(const Target& target) override;

 private:
  NameTable& table_;
};

}  // namespace tfunnel::proxy
