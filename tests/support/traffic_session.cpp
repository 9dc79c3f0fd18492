#include "traffic_session.hpp"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <linux/sockios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <vector>

namespace traffic {
namespace {

constexpr std::size_t io_size = 256 * 1024;
constexpr int turns_per_event = 4;  // a fast connection must not starve the others

class signal_target : public event_target {
 public:
  signal_target(event_loop& loop, unique_fd fd) : loop_(loop), fd_(std::move(fd)) {}
  bool on_events(std::uint32_t) override {
    loop_.stop();
    return true;
  }

 private:
  event_loop& loop_;
  unique_fd fd_;
};

// Else the RST overtakes what was sent before it, and a test could not tell what must arrive.
void wait_until_acknowledged(int fd) {
  for (int i = 0; i < 500; ++i) {
    int queued = 0;
    if (::ioctl(fd, SIOCOUTQ, &queued) != 0 || queued == 0) return;
    ::usleep(1000);
  }
}

}  // namespace

event_loop::event_loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.valid()) throw std::system_error(errno, std::generic_category(), "epoll");
}

void event_loop::add(int fd, std::uint32_t events, std::unique_ptr<event_target> target) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = target.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  auto* key = target.get();
  targets_.emplace(key, std::move(target));
}

void event_loop::change(int fd, std::uint32_t events, event_target& target) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &target;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void event_loop::run_once(int timeout_ms) {
  std::array<epoll_event, 256> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), int(events.size()), timeout_ms);
  if (count > 0) last_event_us_ = now_us();
  for (int i = 0; i < count; ++i) {
    auto* target = static_cast<event_target*>(events[std::size_t(i)].data.ptr);
    // Safe within the batch: a target has one descriptor and only ever ends itself.
    if (!target->on_events(events[std::size_t(i)].events)) targets_.erase(target);
  }
}

void event_loop::stop_on_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  unique_fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  const int raw = fd.get();
  add(raw, EPOLLIN, std::make_unique<signal_target>(*this, std::move(fd)));
}

session::session(event_loop& loop, unique_fd fd, std::unique_ptr<talker> talk, end_handler on_end)
    : loop_(loop), fd_(std::move(fd)), talk_(std::move(talk)), on_end_(std::move(on_end)) {}

session& session::start(event_loop& loop, unique_fd fd, std::unique_ptr<talker> talk, end_handler on_end) {
  const int raw = fd.get();
  std::unique_ptr<session> made(new session(loop, std::move(fd), std::move(talk), std::move(on_end)));
  auto& result = *made;
  result.watched_ = result.interest();
  loop.add(raw, result.watched_, std::move(made));
  return result;
}

session::~session() {
  if (!ended_) reset_on_close(fd_.get());  // cut off by the loop's end: leave no TIME_WAIT
}

bool session::on_events(std::uint32_t events) {
  const bool readable = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
  const bool open = (!readable || read_some()) && write_some();
  const bool unheard = open && (events & EPOLLERR) && (eof_ || !talk_->wants_input());
  if (!open || unheard) {
    fail(error_ ? error_ : pending_error(fd_.get()));
    return false;
  }
  if (talk_->done()) {
    finish();
    return false;
  }
  refresh();
  return true;
}

void session::refresh() {
  const auto wanted = interest();
  if (wanted == watched_) return;
  watched_ = wanted;
  loop_.change(fd_.get(), wanted, *this);
}

std::uint32_t session::interest() {
  std::uint32_t events = 0;
  if (!eof_ && talk_->wants_input()) events |= EPOLLIN;
  const bool fin_due = !fin_sent_ && talk_->output_finished();
  if (!talk_->output().empty() || fin_due || talk_->done()) events |= EPOLLOUT;
  return events;
}

// False on an error, which is then in error_.
bool session::read_some() {
  static std::vector<std::uint8_t> buffer(io_size);
  for (int turn = 0; turn < turns_per_event && !eof_ && talk_->wants_input(); ++turn) {
    const bool discards = talk_->discards_input();
    const auto size = std::min(buffer.size(), talk_->input_limit());
    const auto got = ::recv(fd_.get(), buffer.data(), size, MSG_DONTWAIT | (discards ? MSG_TRUNC : 0));
    if (got < 0) {
      error_ = errno;
      return errno == EAGAIN || errno == EINTR ? (error_ = 0, true) : false;
    }
    if (got == 0) {
      eof_ = true;
      talk_->on_eof();
    } else if (discards) {
      talk_->on_discarded(std::size_t(got));
    } else {
      talk_->on_input(const_bytes(buffer.data(), std::size_t(got)));
    }
    if (auto next = talk_->successor()) talk_ = std::move(next);
    if (std::size_t(got) < size) break;
  }
  return true;
}

bool session::write_some() {
  for (int turn = 0; turn < turns_per_event; ++turn) {
    const auto data = talk_->output();
    if (data.empty()) break;
    const auto sent = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      error_ = errno;
      return errno == EAGAIN || errno == EINTR ? (error_ = 0, true) : false;
    }
    talk_->on_sent(std::size_t(sent));
    if (std::size_t(sent) < data.size()) break;
  }
  if (!fin_sent_ && talk_->output().empty() && talk_->output_finished() && !talk_->done()) {
    fin_sent_ = true;
    ::shutdown(fd_.get(), SHUT_WR);
  }
  return true;
}

bool session::fail(int error) {
  ended_ = true;
  if (on_end_) on_end_(*talk_, error ? error : ECONNABORTED);
  return false;
}

void session::finish() {
  ended_ = true;
  if (talk_->resets_at_end()) {
    wait_until_acknowledged(fd_.get());
    reset_on_close(fd_.get());
  }
  fd_.reset();
  if (on_end_) on_end_(*talk_, 0);
}

}  // namespace traffic
