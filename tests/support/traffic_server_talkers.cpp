// How the server behaves on a TCP connection, one small class a behaviour.
#include "traffic_talkers.hpp"

#include <algorithm>
#include <string_view>

namespace traffic {
namespace {

constexpr std::size_t echo_limit = 256 * 1024;

// Common part: a queue of bytes to send.
class queue_talker : public talker {
 public:
  const_bytes output() override { return const_bytes(queue_).subspan(sent_); }
  void on_sent(std::size_t size) override {
    sent_ += size;
    if (sent_ == queue_.size()) {
      queue_.clear();
      sent_ = 0;
    }
  }

 protected:
  void say(const_bytes data) { queue_.insert(queue_.end(), data.begin(), data.end()); }
  [[nodiscard]] std::size_t queued() const { return queue_.size() - sent_; }

 private:
  std::vector<std::uint8_t> queue_;
  std::size_t sent_ = 0;
};

class echo_talker : public queue_talker {
 public:
  explicit echo_talker(std::string_view greeting = {}) {
    say(const_bytes(reinterpret_cast<const std::uint8_t*>(greeting.data()), greeting.size()));
  }
  bool wants_input() const override { return queued() < echo_limit; }
  void on_input(const_bytes data) override { say(data); }
  void on_eof() override { eof_ = true; }
  bool done() override { return eof_ && queued() == 0; }

 private:
  bool eof_ = false;
};

class discard_talker : public queue_talker {
 public:
  bool discards_input() const override { return true; }
  void on_discarded(std::size_t size) override { count_ += size; }
  void on_eof() override {
    std::uint8_t count[8];
    put_u64(count, count_);
    say(count);
    eof_ = true;
  }
  bool done() override { return eof_ && queued() == 0; }

 private:
  std::uint64_t count_ = 0;
  bool eof_ = false;
};

class source_talker : public talker {
 public:
  explicit source_talker(std::uint64_t length) : left_(length ? length : ~std::uint64_t{0}) {}
  bool discards_input() const override { return true; }
  const_bytes output() override { return filler().first(std::size_t(std::min<std::uint64_t>(left_, filler().size()))); }
  void on_sent(std::size_t size) override { left_ -= size; }
  bool done() override { return left_ == 0; }

 private:
  std::uint64_t left_;
};

class request_response_talker : public queue_talker {
 public:
  explicit request_response_talker(const request_header& plan) : plan_(plan) {}
  bool wants_input() const override { return queued() < echo_limit; }
  void on_input(const_bytes data) override {
    for (pending_ += data.size(); plan_.a && pending_ >= plan_.a; pending_ -= plan_.a) {
      say(filler().first(plan_.b));
      ++served_;
    }
  }
  void on_eof() override { eof_ = true; }
  bool done() override { return queued() == 0 && (eof_ || (plan_.length && served_ >= plan_.length)); }

 private:
  request_header plan_;
  std::size_t pending_ = 0;
  std::uint64_t served_ = 0;
  bool eof_ = false;
};

class reset_talker : public talker {
 public:
  explicit reset_talker(const request_header& plan) : to_read_(plan.length), to_send_(plan.b) {}
  std::size_t input_limit() const override { return std::size_t(std::max<std::uint64_t>(to_read_, 1)); }
  bool wants_input() const override { return to_read_ > 0; }
  void on_input(const_bytes data) override { to_read_ -= data.size(); }
  void on_eof() override { to_read_ = 0; }
  const_bytes output() override { return filler().first(std::min(to_send_, filler().size())); }
  void on_sent(std::size_t size) override { to_send_ -= size; }
  bool done() override { return to_read_ == 0 && to_send_ == 0; }
  bool resets_at_end() const override { return true; }

 private:
  std::uint64_t to_read_;
  std::size_t to_send_;
};

class close_talker : public talker {
 public:
  bool wants_input() const override { return false; }
  bool done() override { return true; }
};

class never_read_talker : public talker {
 public:
  bool wants_input() const override { return false; }
};

// Keeps what a checked flow saw for a later question.
class reporting_talker : public verify_talker {
 public:
  reporting_talker(verify_plan plan, std::uint64_t key, report_book& reports)
      : verify_talker(std::move(plan)), key_(key), reports_(reports) {}
  void on_eof() override {
    verify_talker::on_eof();
    reports_[key_] = seen();
  }

 private:
  std::uint64_t key_;
  report_book& reports_;
};

class report_talker : public queue_talker {
 public:
  explicit report_talker(report_book& reports) : reports_(reports) {}
  std::size_t input_limit() const override { return 8 - key_.size(); }
  void on_input(const_bytes data) override {
    key_.insert(key_.end(), data.begin(), data.end());
    if (key_.size() < 8) return;
    const auto found = reports_.find(get_u64(key_.data()));
    say(encode(found == reports_.end() ? verdict{} : found->second));
    if (found != reports_.end()) reports_.erase(found);
    key_.clear();
  }
  void on_eof() override { eof_ = true; }
  bool done() override { return eof_ && queued() == 0; }

 private:
  report_book& reports_;
  std::vector<std::uint8_t> key_;
  bool eof_ = false;
};

verify_plan plan_for(const request_header& header) {
  verify_plan plan;
  plan.send_seed = header.seed;
  plan.expect_seed = header.seed + 1;
  plan.send_length = header.what == behaviour::collect ? 0 : header.length;
  plan.send_after_eof = header.what == behaviour::read_first || header.what == behaviour::collect;
  plan.read_after_fin = header.what == behaviour::write_first;
  plan.send_verdict = header.what == behaviour::read_first || header.what == behaviour::duplex;
  plan.close_when_sent = header.what == behaviour::send_and_close;
  plan.reads = !plan.close_when_sent;
  return plan;
}

std::unique_ptr<talker> make_talker(const request_header& header, report_book& reports) {
  switch (header.what) {
    case behaviour::read_first:
    case behaviour::duplex:
    case behaviour::send_and_close: return std::make_unique<verify_talker>(plan_for(header));
    case behaviour::write_first:
    case behaviour::collect: return std::make_unique<reporting_talker>(plan_for(header), header.key, reports);
    case behaviour::echo: return std::make_unique<echo_talker>();
    case behaviour::discard: return std::make_unique<discard_talker>();
    case behaviour::source: return std::make_unique<source_talker>(header.length);
    case behaviour::request_response: return std::make_unique<request_response_talker>(header);
    case behaviour::reset_after: return std::make_unique<reset_talker>(header);
    case behaviour::never_read: return std::make_unique<never_read_talker>();
    case behaviour::report: return std::make_unique<report_talker>(reports);
    case behaviour::close_at_once: break;
  }
  return std::make_unique<close_talker>();
}

class header_talker : public talker {
 public:
  explicit header_talker(report_book& reports) : reports_(reports) {}
  std::size_t input_limit() const override { return header_size - head_.size(); }
  void on_input(const_bytes data) override { head_.insert(head_.end(), data.begin(), data.end()); }
  void on_eof() override { broken_ = true; }
  bool done() override { return broken_; }
  std::unique_ptr<talker> successor() override {
    if (head_.size() < header_size) return nullptr;
    const auto header = decode_header(head_);
    broken_ = !header;
    return header ? make_talker(*header, reports_) : nullptr;
  }

 private:
  report_book& reports_;
  std::vector<std::uint8_t> head_;
  bool broken_ = false;
};

}  // namespace

std::unique_ptr<talker> make_server_talker(report_book& reports) { return std::make_unique<header_talker>(reports); }

std::unique_ptr<talker> make_banner_talker() { return std::make_unique<echo_talker>("220 traffic speaks first\r\n"); }

}  // namespace traffic
