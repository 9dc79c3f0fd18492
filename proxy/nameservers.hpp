// The nameservers that this host uses itself.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/core/address.hpp"
#include "proxy/resolv_options.hpp"

namespace tfunnel::proxy {

/// Those of resolv.conf(5), as c-ares reads it; read again when the file has changed. Without a file or a nameserver in
/// it that is the one on this host (127.0.0.1), as for every program. A link-local server (fe80::1%eth0) loses its
/// interface and cannot be reached: name another with --dns.
class Nameservers {
 public:
  explicit Nameservers(std::string path = "/etc/resolv.conf") : path_(std::move(path)) {}

  /// In the file's order. Costs two system calls while the file stays as it is.
  const std::vector<core::Endpoint>& current();
  /// How they want to be asked: the file's options and those of RES_OPTIONS. Costs as much.
  const ResolvOptions& options();

 private:
  void refresh();
  struct Version {
    std::filesystem::file_time_type changed;
    std::uintmax_t size = 0;
    bool operator==(const Version&) const = default;
  };
  [[nodiscard]] Version version() const;

  std::string path_;
  bool read_ = false;
  Version version_;
  std::vector<core::Endpoint> servers_;
  ResolvOptions options_;
};

}  // namespace tfunnel::proxy
