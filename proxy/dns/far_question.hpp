// One question to the far end's nameservers, and all who wait for its answer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "proxy/dns/dns_ports.hpp"
#include "proxy/dns/dns_upstream.hpp"
#include "proxy/dns/inquiry.hpp"

namespace tfunnel::proxy {

/// Drives an Inquiry: asks the servers that it names, when it says so, and tells it their answers. Kept alive by its
/// maker until it is over.
class FarQuestion final : public std::enable_shared_from_this<FarQuestion> {
 public:
  struct Ways {
    /// Queries as datagrams.
    DnsPorts& ports;
    /// The stream that queries to a server go over; null: they go as datagrams.
    std::function<DnsUpstream*(const core::Endpoint& server)> stream;
    /// A server was silent (timed_out) since it was `asked`, or could not be asked.
    std::function<void(const core::Endpoint& server, error_code, core::Time asked)> failed;
    /// It answered, whatever it said.
    std::function<void(const core::Endpoint& server)> answered;
    /// Once: the inquiry is over. Called with the question still whole; it is to be let go of there.
    std::function<void(FarQuestion&)> over;
  };

  /// REQUIRES: dns::is_query(query).
  FarQuestion(asio::io_context& context, Ways ways, Inquiry inquiry, dns::Message query);

  void start() { go_on(); }
  /// One more waits. `id` is the one that its answer gets.
  void wait(std::uint16_t id, DnsUpstream::Done done) { waiting_.push_back({id, std::move(done)}); }
  /// See Inquiry::hurry().
  void hurry();

  [[nodiscard]] const dns::Message& query() const { return query_; }
  [[nodiscard]] const Inquiry& inquiry() const { return inquiry_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  /// Calls all who wait. REQUIRES: inquiry().over().
  void tell();

 private:
  struct Waiting {
    std::uint16_t id;
    DnsUpstream::Done done;
  };
  void go_on();
  void ask(const core::Endpoint& server);
  error_code ask_datagram(const core::Endpoint& server);
  void ask_stream(DnsUpstream& stream, const core::Endpoint& server);
  void heard(const core::Endpoint& server, result<dns::Message> answer);
  void fail(const core::Endpoint& server, error_code error);

  Ways ways_;
  Inquiry inquiry_;
  dns::Message query_;
  std::vector<Waiting> waiting_;
  asio::steady_timer timer_;
  std::map<core::Endpoint, std::unique_ptr<DnsAsked>> asked_;
  core::Time asked_at_;                  // the last server
  std::set<core::Endpoint> on_streams_;  // a stream loses nothing: there is no second time
  bool over_ = false;
};

}  // namespace tfunnel::proxy
