// Descriptors for new flows, at the cost of UDP flows that can be spared.
#pragma once

#include "common/core/mux.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// UDP flows hold descriptors and ports for as long as nobody knows whether they are over. When few are left, the flow
/// that can best be spared is ended: so there is room for new flows of either kind, and for questions to nameservers.
class DescriptorReserve {
 public:
  /// The mux whose flows give way; it must outlive the use of this. Before that nothing gives way.
  void serve(core::Mux& mux) { mux_ = &mux; }

  /// To be called before something new takes descriptors. `but` does not give way.
  void refill(const core::Flow* but = nullptr);
  /// True if `error` is a want of descriptors, ports or memory, and a flow gave way: worth another try.
  [[nodiscard]] bool relieve(const error_code& error, const core::Flow* but = nullptr);
  /// Calls `attempt`, which makes a socket and returns an error_code, with room made for it beforehand; and again, a
  /// few times at most, if there was none after all.
  template <class Attempt>
  error_code make(Attempt attempt, const core::Flow* but) {
    refill(but);
    error_code error = attempt();
    for (int i = 0; i < most_tries && error && relieve(error, but); ++i) error = attempt();
    return error;
  }

 private:
  // Ports are counted by family, and the flow that gives way may be of the other one.
  static constexpr int most_tries = 8;

  bool spare(const core::Flow* but);
  bool few_are_left();

  core::Mux* mux_ = nullptr;
  int promised_ = 0;  // calls of refill() before the system is asked again
};

}  // namespace tfunnel::proxy
