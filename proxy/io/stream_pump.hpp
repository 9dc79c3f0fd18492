// Joins two byte streams that the kernel cannot join by itself, such as a TLS session and a socket.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "common/core/memory_part.hpp"
#include "common/io/deliveries.hpp"

namespace tfunnel::proxy {

/// One of the two streams. No call blocks. Error codes are those of sockets: would_block if there is nothing
/// to do yet, eof at the orderly end of what comes in; anything else breaks the stream.
class PumpSide {
 public:
  using Handler = std::function<void(error_code)>;

  PumpSide() = default;
  PumpSide(const PumpSide&) = delete;
  PumpSide& operator=(const PumpSide&) = delete;
  virtual ~PumpSide() = default;

  virtual result<std::size_t> read_some(asio::mutable_buffer buffer) = 0;
  virtual result<std::size_t> write_some(asio::const_buffer buffer) = 0;
  /// Says that no more will be written; would_block as write_some().
  virtual error_code finish() = 0;
  /// Calls back once the last read_some(), or write_some() or finish(), is worth a new try.
  virtual void wait_read(Handler handler) = 0;
  virtual void wait_write(Handler handler) = 0;
  /// Calls back when the stream may have broken although it is neither read nor written.
  virtual void wait_broken(Handler handler) = 0;
  /// The error that broke it, if any.
  virtual error_code broken() = 0;
  /// How much has come and was not read yet; the end counts as a byte.
  [[nodiscard]] virtual std::size_t unread() { return 0; }
  /// Bytes that were written and are still in the kernel's hands.
  [[nodiscard]] virtual std::size_t unacknowledged() { return 0; }
  /// Both directions ended in order, or nobody wants to know the rest of what comes in.
  virtual void close() = 0;
  /// Breaks the stream off: the far end sees a reset.
  virtual void abort() = 0;
};

/// A TCP socket as a side.
class SocketSide final : public PumpSide {
 public:
  explicit SocketSide(tcp::socket socket) : socket_(std::move(socket)) {}

  result<std::size_t> read_some(asio::mutable_buffer buffer) override;
  result<std::size_t> write_some(asio::const_buffer buffer) override;
  error_code finish() override;
  void wait_read(Handler handler) override { socket_.async_wait(tcp::socket::wait_read, std::move(handler)); }
  void wait_write(Handler handler) override { socket_.async_wait(tcp::socket::wait_write, std::move(handler)); }
  void wait_broken(Handler handler) override { socket_.async_wait(tcp::socket::wait_error, std::move(handler)); }
  error_code broken() override;
  std::size_t unread() override;
  void close() override;
  void abort() override;

 private:
  tcp::socket socket_;
};

/// Copies both ways until both have ended, or one side breaks: then the other is broken off as well. Holds at
/// most one buffer a direction, and reads no more while that waits to be written, so a slow reader slows the
/// writer down. Lives by its pending waits. The left side leads to the destination.
class StreamPump : public io::Delivery, public std::enable_shared_from_this<StreamPump> {
 public:
  /// Bytes held for each direction at most.
  static constexpr std::size_t buffer_size = 16U << 10;

  StreamPump(asio::io_context& context, std::unique_ptr<PumpSide> left, std::unique_ptr<PumpSide> right);
  /// The cost of the two sides, and of this, is charged for as long as it lives.
  void hold(core::Charge charge) { charge_ = std::move(charge); }
  /// `first` comes before all else that the left side reads. REQUIRES: at most buffer_size bytes.
  void start(std::string_view first = {});

  [[nodiscard]] State delivery() override;
  void let_go() override;

 private:
  struct Direction {
    PumpSide* from;
    PumpSide* to;
    std::size_t begin = 0;  // what waits to be written
    std::size_t end = 0;
    bool eof = false;   // nothing more comes from `from`
    bool done = false;  // and `to` was told
    std::array<char, buffer_size> buffer;
  };

  void run(Direction& direction);
  /// One step; true if the next can be taken at once.
  bool step(Direction& direction);
  bool read(Direction& direction);
  bool write(Direction& direction);
  bool finish(Direction& direction);
  PumpSide::Handler resume(Direction& direction);
  bool fail(error_code error);
  void watch(PumpSide& side);

  asio::io_context& context_;
  core::Charge charge_;
  std::unique_ptr<PumpSide> left_;
  std::unique_ptr<PumpSide> right_;
  Direction inward_;
  Direction outward_;
  bool over_ = false;
};

}  // namespace tfunnel::proxy
