// A time limit for one step of a coroutine.
#pragma once

#include <functional>
#include <memory>

#include "common/core/time.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// Many a person gives up before we do: after so long the log tells who does not answer.
constexpr core::Duration patience_of_people = std::chrono::seconds(5);

/// Calls `on_expiry` once after `timeout`, unless destroyed before. The handler must own what it
/// touches: the timer may fire while the coroutine is already on its way out.
class Deadline {
 public:
  Deadline(asio::io_context& context, core::Duration timeout, std::function<void()> on_expiry)
      : state_(std::make_shared<State>(context)) {
    state_->timer.expires_after(timeout);
    state_->timer.async_wait([state = state_, act = std::move(on_expiry)](error_code error) {
      if (error || state->over) return;
      state->expired = true;
      act();
    });
  }
  ~Deadline() {
    state_->over = true;
    state_->timer.cancel();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  [[nodiscard]] bool expired() const { return state_->expired; }

 private:
  struct State {
    explicit State(asio::io_context& context) : timer(context) {}
    asio::steady_timer timer;
    bool over = false;
    bool expired = false;
  };
  std::shared_ptr<State> state_;
};

}  // namespace tfunnel::proxy
