// The local end of a TCP flow, in either program: one socket, two directions.
#pragma once

#include <functional>
#include <memory>

#include "common/core/mux.hpp"
#include "common/io/asio.hpp"
#include "common/io/backlog.hpp"
#include "common/io/deliveries.hpp"
#include "common/io/log.hpp"

namespace tfunnel::io {

/// Moves bytes between a TCP socket and its flow. Reads the socket only when the mux says that it is
/// the flow's turn; writes arriving bytes at once, and keeps those that the socket cannot
/// take (the far end has credit for them), so the link never waits.
///
/// Kept alive by the mux while the flow exists, and by its own pending waits afterwards, while it
/// delivers the rest: also if the link ends when all has come, the end behind it included. Destroying it with its
/// socket open resets the connection.
class Relay final : public core::FlowHandler, public Delivery, public std::enable_shared_from_this<Relay> {
 public:
  /// `mux` is kept alive as long as this: a socket may still take data when its link is over. `log` must outlive the
  /// io_context's last handler.
  Relay(asio::io_context& context, std::shared_ptr<core::Mux> mux, const Log& log);

  /// `companion` lives as long as this relay.
  void accompany(std::shared_ptr<const void> companion) { companion_ = std::move(companion); }
  /// The flow that this relay serves, and who is at the other end of its socket. REQUIRES: before anything else.
  void bind(core::Flow& flow, const core::Endpoint& peer);
  /// The connection is there: what waited for it is written, and its data may go. REQUIRES: prepare()
  /// was called for it, or for its listener.
  void attach(tcp::socket socket);
  /// The same for a connection that was made for the far end, which is told.
  void attach_made(tcp::socket socket);
  /// A connection is still wanted: for the flow, or for the bytes that came of it before the link ended.
  [[nodiscard]] bool wants_connection() const { return !attached_ && !over_; }
  /// The connection cannot be made: the flow ends with `reason`, and `words` for a person at the far end.
  void fail(core::Reason reason, std::string_view words = {});
  /// Called if the flow ends before attach(), so that the attempt can be given up.
  void on_abandoned(std::function<void()> handler) { on_abandoned_ = std::move(handler); }

  /// Bytes that came from the far end before attach(): the contiguous run that starts at `position`, or nothing. Void
  /// when more arrives.
  [[nodiscard]] core::ByteView early(std::size_t position) const { return backlog_.peek(position); }
  /// No more will come before attach().
  [[nodiscard]] bool early_is_all() const { return fin_received_ || flow_ == nullptr; }
  /// Called until attach() whenever more has come, or when all has.
  void on_early(std::function<void()> handler) { on_early_ = std::move(handler); }

  void on_data(core::ByteView bytes) override;
  int payload_descriptor() override;
  int payload_diversion() override;
  void on_moved(std::size_t bytes) override;
  bool on_no_memory() override;
  void on_fin() override;
  void on_reset(core::Reason reason) override;
  void on_finished() override;
  void on_link_end() override;
  void last_call(core::LastCall::Terms terms) override;
  [[nodiscard]] core::Undelivered unsent(core::Time now) override;
  core::Pulled pull(core::Batch& batch, std::size_t allowance, core::Time now) override;
  [[nodiscard]] std::string describe() const override;

  [[nodiscard]] State delivery() override;
  [[nodiscard]] const core::Mux* link() const override { return mux_.get(); }
  void let_go() override;

 private:
  core::Pulled pull_copying(core::Batch& batch, std::size_t allowance);
  core::Pulled pull_moving(core::Batch& batch, std::size_t allowance);
  [[nodiscard]] bool is_at_mark(error_code error) const;
  void after_read(std::size_t count, std::size_t most);
  void wait_readable();
  void wait_writable();
  void watch_errors();
  core::Pulled read_ended(error_code error);
  void flush();
  /// Returns how many bytes the socket took; fails the flow on an error.
  std::size_t write(core::ByteView bytes);
  void write_failed(error_code error);
  void keep(core::ByteView bytes);
  void stalled();
  /// Whether payload is moved into the socket itself.
  [[nodiscard]] bool goes_straight() const { return backlog_.empty() && !diverted_; }
  void after_drain();
  void close_in_order();
  void give_up();
  void break_off(error_code error);
  void drop();

  std::shared_ptr<core::Mux> mux_;  // first, so that it goes last
  std::shared_ptr<const void> companion_;
  const Log& log_;
  tcp::socket socket_;
  /// Null when the flow is over.
  core::Flow* flow_ = nullptr;
  core::Endpoint peer_;
  Backlog backlog_;
  std::unique_ptr<core::LastCall> last_call_;  // once the link is to end
  std::function<void()> on_abandoned_;
  std::function<void()> on_early_;
  bool attached_ = false;
  bool bulk_ = false;      // the last read brought much: the next is worth moving
  bool diverted_ = false;  // payload is moved into the backlog's pipe until the socket takes more
  bool woken_ = false;     // the system says that there is something to read, and nothing has been read since
  bool read_waiting_ = false;
  bool write_waiting_ = false;
  bool error_watched_ = false;
  bool eof_read_ = false;      // the application sends no more, or nobody wants it any more
  bool unread_ = false;        // nobody wants it, so it may still send
  bool fin_received_ = false;  // the far end sends no more
  bool over_ = false;          // the socket was given up
};

}  // namespace tfunnel::io
