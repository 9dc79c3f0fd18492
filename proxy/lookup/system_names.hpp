// This host's own look-ups: files, nameservers, and what else nsswitch.conf(5) names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/io/text_file.hpp"
#include "proxy/dns/nameservers.hpp"
#include "proxy/io/blocking_calls.hpp"
#include "proxy/lookup/cares_channel.hpp"
#include "proxy/lookup/name_source.hpp"

namespace tfunnel::proxy {

/// c-ares looks up, without blocking, in /etc/hosts and at the nameservers. Only what it does not find, and only where
/// nsswitch.conf(5) names other services (mdns, myhostname, mymachines, sss, ldap, wins, ...), goes on to the C
/// library, one name at a time in a thread of its own; names under .local (RFC 6762) at once, if there is an mdns.
/// resolv.conf and nsswitch.conf are read again when they have changed, which is looked at once a second. Servers that
/// this host has no route to do not replace others.
class SystemNames final : public NameSource {
 public:
  struct Settings {
    std::string resolv_conf = "/etc/resolv.conf";
    std::string nsswitch = "/etc/nsswitch.conf";  // decides about other services; c-ares reads the system's
    std::vector<core::Endpoint> servers = {};     // instead of those of resolv_conf
  };

  /// `context` must outlive this, and this the last handler that runs in it.
  explicit SystemNames(asio::io_context& context) : SystemNames(context, Settings()) {}
  SystemNames(asio::io_context& context, Settings settings);

  void ask(const std::string& name, Done done) override;
  /// The C library cannot be stopped: a call that is at work goes on, and the destructor waits for it.
  void stop() override;
  bool has_changed(core::Time now) override;

 private:
  void read_files();
  std::vector<core::Endpoint> servers();
  void answered(const std::string& name, NameAnswer answer, const Done& done);
  void ask_library(const std::string& name, Done done);
  [[nodiscard]] bool is_of_mdns(const std::string& name) const;

  asio::io_context& context_;
  Settings settings_;
  Nameservers nameservers_{settings_.resolv_conf};
  std::vector<core::Endpoint> servers_;  // that the channel asks, if not those of the file
  io::FileVersion resolv_conf_;          // as they were read
  io::FileVersion nsswitch_;
  core::Time looked_at_{};
  bool has_mdns_ = false;
  bool has_others_ = false;  // services that c-ares does not know
  std::shared_ptr<CaresChannel> channel_;
  std::vector<std::shared_ptr<CaresChannel>> retired_;  // of older files; gone with their last look-up
  bool stopped_ = false;
  BlockingCalls library_;
};

}  // namespace tfunnel::proxy
