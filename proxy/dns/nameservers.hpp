// The nameservers that this host uses itself.
#pragma once

#include <string>
#include <vector>

#include "common/core/address.hpp"
#include "common/io/text_file.hpp"
#include "proxy/dns/resolv_options.hpp"

namespace tfunnel::proxy {

/// Those of resolv.conf(5), as c-ares reads it; read again when the file has changed. Without a file or a nameserver in
/// it that is the one on this host (127.0.0.1), as for every program. A link-local server (fe80::1%eth0) loses its
/// interface and cannot be reached: name another with --dns.
class Nameservers {
 public:
  explicit Nameservers(std::string path = "/etc/resolv.conf") : path_(std::move(path)) {}

  /// In the file's order. Costs two system calls while the file stays as it is. When it has changed to servers that
  /// this host has no route to (a network that comes names them before it is there), the former ones stay for as long.
  const std::vector<core::Endpoint>& current();
  /// The file has changed to servers without a route, so those of the last current() are of an older file.
  [[nodiscard]] bool are_older() const { return !next_.empty(); }
  /// How those of the last current() want to be asked: the file's options and those of RES_OPTIONS.
  [[nodiscard]] const ResolvOptions& options() const { return options_; }

 private:
  void refresh();

  std::string path_;
  bool read_ = false;
  io::FileVersion version_;
  std::vector<core::Endpoint> servers_;
  std::vector<core::Endpoint> next_;  // those of the file, while there is no route to them
  ResolvOptions options_;
};

}  // namespace tfunnel::proxy
