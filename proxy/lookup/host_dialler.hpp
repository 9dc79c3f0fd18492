// Connections to hosts that have a name, and so several addresses.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/lookup/address_memory.hpp"
#include "proxy/lookup/name_lookup.hpp"

namespace tfunnel::proxy {

/// Looks names up and remembers which of a host's addresses serve. One for all who connect.
class HostDialler {
 public:
  /// With this host's own look-ups. This must outlive the io_context's last handler.
  explicit HostDialler(asio::io_context& context);
  HostDialler(asio::io_context& context, std::unique_ptr<NameSource> names)
      : context_(context), lookup_(std::move(names)) {}
  HostDialler(const HostDialler&) = delete;
  HostDialler& operator=(const HostDialler&) = delete;

  [[nodiscard]] NameLookup& lookup() { return lookup_; }
  /// Those who connect are cancelled by their owners; this ends what goes on for nobody in particular.
  void stop() { lookup_.stop(); }

 private:
  friend class HostDial;
  asio::io_context& context_;
  NameLookup lookup_;
  AddressMemory memory_;
};

/// One flow's way to one host. Its addresses are tried as RFC 8305 has it: the first that answers wins, the other
/// attempts are closed. Shared, since time limits stop it. Used by one coroutine.
class HostDial {
 public:
  /// `dialler` must outlive this. `host` is a name or an address without brackets.
  HostDial(HostDialler& dialler, std::string host, std::uint16_t port)
      : dialler_(dialler),
        host_(std::move(host)),
        port_(port),
        wait_(std::make_shared<NameLookup::Wait>(dialler.context_)) {}

  /// To the first that answers of the addresses that were not tried yet; the socket is io::prepare()d.
  /// Errors: what tells most of the attempts; those of NameLookup::find(); timed_out after stop(); operation_aborted if
  /// the coroutine was cancelled.
  result<tcp::socket> connect(const asio::yield_context& yield);
  /// To the address of the last connect() once more.
  result<tcp::socket> connect_again(const asio::yield_context& yield);
  /// Would another connect() have something to try?
  [[nodiscard]] bool others_left() const { return !untried_.empty(); }

  /// REQUIRES, for these: connect() has made a connection.
  [[nodiscard]] core::Address reached() const { return io::from_asio(reached_.address()); }
  /// The address that connect() reached does its work: it is tried first from here on.
  void serves();
  /// It took a connection and did nothing useful with it: it is tried last for a while.
  void fails() { fails(reached()); }
  /// The same of one that was reached before.
  void fails(const core::Address& address);

  /// Ends what is at work, and each further step, with timed_out.
  void stop();

 private:
  struct Race;
  error_code find_addresses(const asio::yield_context& yield);
  result<tcp::socket> race(const std::vector<tcp::endpoint>& endpoints, const asio::yield_context& yield);

  HostDialler& dialler_;
  std::string host_;
  std::uint16_t port_;
  std::shared_ptr<NameLookup::Wait> wait_;
  bool found_ = false;
  std::vector<tcp::endpoint> untried_;
  tcp::endpoint reached_;
  std::shared_ptr<Race> race_;
  bool stopped_ = false;
};

}  // namespace tfunnel::proxy
