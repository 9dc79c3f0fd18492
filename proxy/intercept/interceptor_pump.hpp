// Moves bytes between two sockets through an interceptor.
#pragma once

#include <array>
#include <memory>

#include "common/core/byte_queue.hpp"
#include "common/core/memory_part.hpp"
#include "common/io/deliveries.hpp"
#include "proxy/intercept/interceptor.hpp"

namespace tfunnel::proxy {

/// Keeps what TCP promises: nothing is read while its receiver does not, an end is passed on as an end and behind all
/// data, a reset as a reset. Kept alive by its own pending waits. Destroying it early resets both connections.
class InterceptorPump final : public InterceptedFlow,
                              public io::Delivery,
                              public std::enable_shared_from_this<InterceptorPump> {
 public:
  /// Nothing is read for a receiver that has this much waiting.
  static constexpr std::size_t most_waiting = 64U << 10;

  /// Always charged: the pump with its interceptor, and one read.
  static constexpr std::size_t least_cost = 48U << 10;

  /// `charge` is for least_cost, and grows with what waits. Where it cannot grow, nothing is read before all is
  /// written.
  InterceptorPump(tcp::socket application, tcp::socket destination, std::unique_ptr<Interceptor> interceptor,
                  core::Charge charge);
  ~InterceptorPump() = default;
  void start();

  void send(Way way, core::ByteView bytes) override;
  void finish(Way way) override;
  void reset() override;

  [[nodiscard]] State delivery() override;
  void let_go() override;

 private:
  /// One direction: from the socket that it is read from to the other one.
  struct Lane {
    core::ByteQueue queue;
    bool reading = false;   // a wait is under way
    bool writing = false;   // a wait is under way
    bool read_all = false;  // the source sends no more
    bool finished = false;  // nothing more may be queued
    bool shut = false;      // the receiver was told
  };

  Lane& lane(Way way) { return lanes_[way == Way::to_destination ? 0 : 1]; }
  tcp::socket& source(Way way) { return way == Way::to_destination ? application_ : destination_; }
  tcp::socket& receiver(Way way) { return source(opposite(way)); }

  /// Does whatever can be done now, in both directions.
  void go_on();
  void watch_errors(tcp::socket& socket);
  [[nodiscard]] bool may_read(Way way);
  [[nodiscard]] std::size_t waiting() const { return lanes_[0].queue.size() + lanes_[1].queue.size(); }
  /// False: there is no memory for another read beside what waits.
  [[nodiscard]] bool charge_read();
  void wait_readable(Way way);
  void wait_writable(Way way);
  void read(Way way);
  void flush(Way way);
  void close();

  tcp::socket application_;
  tcp::socket destination_;
  std::unique_ptr<Interceptor> interceptor_;
  core::Charge charge_;
  std::array<Lane, 2> lanes_;
  bool over_ = false;
};

}  // namespace tfunnel::proxy
