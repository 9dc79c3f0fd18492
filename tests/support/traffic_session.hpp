// One epoll loop, and a TCP connection that lets a `talker` decide what to say and when to listen.
#pragma once

#include "traffic_net.hpp"

#include <functional>
#include <memory>
#include <unordered_map>

namespace traffic {

class event_target {
 public:
  virtual ~event_target() = default;
  // False: the target is finished; the loop destroys it.
  virtual bool on_events(std::uint32_t events) = 0;
};

class event_loop {
 public:
  event_loop();
  // The loop owns its targets, one descriptor each.
  void add(int fd, std::uint32_t events, std::unique_ptr<event_target> target);
  void change(int fd, std::uint32_t events, event_target& target);
  void run_once(int timeout_ms);
  [[nodiscard]] std::size_t size() const { return targets_.size(); }
  void clear() { targets_.clear(); }
  // How long nothing at all has happened: a stalled test must end, a slow one must not.
  [[nodiscard]] double idle_seconds() const { return seconds_since(last_event_us_); }

  // SIGTERM and SIGINT end waiting loops; call before any thread or socket exists.
  void stop_on_signals();
  [[nodiscard]] bool stopped() const { return stopped_; }
  void stop() { stopped_ = true; }

 private:
  unique_fd epoll_;
  std::unordered_map<event_target*, std::unique_ptr<event_target>> targets_;
  std::int64_t last_event_us_ = now_us();
  bool stopped_ = false;
};

// The pure part of a connection: facts and bytes, no socket.
class talker {
 public:
  virtual ~talker() = default;
  [[nodiscard]] virtual bool wants_input() const { return true; }
  [[nodiscard]] virtual std::size_t input_limit() const { return ~std::size_t{0}; }
  // True: the bytes are counted by on_discarded() and never copied out of the kernel.
  [[nodiscard]] virtual bool discards_input() const { return false; }
  virtual void on_input(const_bytes) {}
  virtual void on_discarded(std::size_t) {}
  virtual void on_eof() {}

  virtual const_bytes output() { return {}; }
  virtual void on_sent(std::size_t) {}
  [[nodiscard]] virtual bool output_finished() { return false; }  // FIN may follow

  [[nodiscard]] virtual bool done() { return false; }
  [[nodiscard]] virtual bool resets_at_end() const { return false; }
  // Another talker to go on with (after the header has been read).
  virtual std::unique_ptr<talker> successor() { return nullptr; }
};

class session : public event_target {
 public:
  // Called once with errno (0 = the talker was done).
  using end_handler = std::function<void(talker&, int error)>;

  static session& start(event_loop& loop, unique_fd fd, std::unique_ptr<talker> talk, end_handler on_end = {});
  ~session() override;
  bool on_events(std::uint32_t events) override;
  // For a talker whose mind changed outside of an event (time is over).
  void refresh();
  talker& who() { return *talk_; }

 private:
  session(event_loop& loop, unique_fd fd, std::unique_ptr<talker> talk, end_handler on_end);
  bool read_some();
  bool write_some();
  bool fail(int error);
  void finish();
  [[nodiscard]] std::uint32_t interest();

  event_loop& loop_;
  unique_fd fd_;
  std::unique_ptr<talker> talk_;
  end_handler on_end_;
  std::uint32_t watched_ = 0;
  int error_ = 0;
  bool eof_ = false;
  bool fin_sent_ = false;
  bool ended_ = false;
};

}  // namespace traffic
