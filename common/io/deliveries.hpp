// Bytes that this process still has to hand to sockets, whether or not there is a link any more.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstdint>

#include "common/core/undelivered.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::core {
class Mux;
}

namespace tfunnel::io {

using DeliveryHook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// Something that takes data from one side and hands it to a socket. Known to its io_context's Deliveries for as long
/// as it lives, and asked only when an end is near.
class Delivery : public DeliveryHook {
 public:
  explicit Delivery(asio::execution_context& context);
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;
  virtual ~Delivery() = default;

  struct State {
    core::Undelivered left;
    /// All bytes that the destination itself has not acknowledged, those in the kernel among them: they tell of
    /// progress where a socket takes nothing for a while.
    std::uint64_t waiting = 0;

    State& operator+=(const State& other);
  };
  [[nodiscard]] virtual State delivery() = 0;
  /// The link that it serves; null: not known.
  [[nodiscard]] virtual const core::Mux* link() const { return nullptr; }
  /// The process is about to end: nothing is waited for any more, and all that it has pending in the event loop is
  /// cancelled. But bytes that were handed over whole must not be taken back, as a reset does.
  virtual void let_go() = 0;
};

/// All deliveries of an event loop. Boost.Asio makes it when it is first asked for, and keeps it as long as the loop:
/// so it need not be handed down through all layers to the deliverer.
class Deliveries final : public asio::execution_context::service {
 public:
  using key_type = Deliveries;
  static asio::execution_context::id id;

  explicit Deliveries(asio::execution_context& context) : service(context) {}
  static Deliveries& of(asio::execution_context& context) { return asio::use_service<Deliveries>(context); }

  void add(Delivery& delivery) { all_.push_back(delivery); }
  /// The sum; of one link if it is given, with those that belong to no link.
  [[nodiscard]] Delivery::State look(const core::Mux* link = nullptr);
  void let_go();

 private:
  void shutdown() override {}

  using List = boost::intrusive::list<Delivery, boost::intrusive::base_hook<DeliveryHook>,
                                      boost::intrusive::constant_time_size<false>>;
  List all_;
};

}  // namespace tfunnel::io
