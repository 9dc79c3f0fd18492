// A program's TCP connection to the virtual resolver.
#pragma once

#include <functional>
#include <memory>

#include "common/core/byte_queue.hpp"
#include "common/core/datagram_queue.hpp"
#include "common/core/memory_part.hpp"
#include "common/io/deliveries.hpp"
#include "proxy/dns/dns_framing.hpp"
#include "proxy/dns/dns_upstream.hpp"

namespace tfunnel::proxy {

/// Takes the queries out of the stream, has each of them asked, and writes the answers as they come (RFC 7766, 7). Kept
/// alive by its pending waits and by the queries under way.
class DnsStreamSession final : public io::Delivery, public std::enable_shared_from_this<DnsStreamSession> {
 public:
  using Ask = std::function<void(const dns::Message& query, const DnsUpstream::Done& done)>;

  /// The cost of one, beside the messages that it holds.
  static constexpr std::size_t cost = 8U << 10;
  /// No more are read while this many are asked, or while that much waits to be written.
  static constexpr std::size_t most_asked = 32;
  static constexpr std::size_t most_waiting = 64U << 10;
  /// Until a connection without queries is ended.
  static constexpr core::Duration longest_idle = std::chrono::seconds(30);

  /// `charge` is for `cost`, and grows with what is held; where it cannot, the connection is reset.
  DnsStreamSession(tcp::socket socket, Ask ask, core::Charge charge);
  void start();

  /// Answers go to the tunnel: they are not ours to deliver.
  [[nodiscard]] State delivery() override { return {}; }
  void let_go() override { reset(); }

 private:
  void read_later();
  void read();
  void take(core::ByteView bytes);
  void ask(dns::Message query);
  void answer(const dns::Message& query, const result<dns::Message>& answer);
  /// False: there is no memory for `more` bytes beside what is held, and the connection is reset.
  bool charge(std::size_t more);
  void write();
  void go_on();
  void watch_idle();
  void close();
  void reset();

  tcp::socket socket_;
  Ask ask_;
  core::Charge charge_;
  dns::Framing framing_;
  core::ByteQueue outbox_;
  asio::steady_timer idle_;
  std::size_t asked_ = 0;
  std::size_t asked_bytes_ = 0;
  std::size_t partial_ = 0;  // bytes of a message that is not whole yet
  bool reading_ = false;     // a wait is under way
  bool writing_ = false;     // a wait is under way
  bool read_all_ = false;    // no more queries come
  bool unanswered_ = false;  // a query has no answer: what ends the connection tells so
  bool over_ = false;
};

}  // namespace tfunnel::proxy
