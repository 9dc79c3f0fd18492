// The talkers that both ends are made of.
#pragma once

#include "traffic_session.hpp"
#include "traffic_wire.hpp"

#include <memory>
#include <string>
#include <unordered_map>

namespace traffic {

using report_book = std::unordered_map<std::uint64_t, verdict>;

// The behaviour of a checked flow, for either end; the defaults do nothing at all.
struct verify_plan {
  std::vector<std::uint8_t> head;  // sent first, whatever the order
  std::uint64_t send_seed = 0;
  std::uint64_t send_length = 0;
  std::uint64_t expect_seed = 0;
  std::uint64_t expect_length = ~std::uint64_t{0};  // what follows it is the peer's verdict
  bool send_after_eof = false;
  bool read_after_fin = false;
  bool send_verdict = false;
  bool reads = true;
  bool half_close = true;        // FIN when all is sent
  bool close_when_sent = false;  // close without FIN first and without waiting for the peer's
};

class verify_talker : public talker {
 public:
  explicit verify_talker(verify_plan plan);
  [[nodiscard]] bool wants_input() const override;
  void on_input(const_bytes data) override;
  void on_eof() override { eof_ = true; }
  const_bytes output() override;
  void on_sent(std::size_t size) override;
  bool output_finished() override { return plan_.half_close && everything_sent(); }
  bool done() override { return everything_sent() && (eof_ || plan_.close_when_sent); }

  [[nodiscard]] verdict seen() const { return check_.result(); }
  [[nodiscard]] std::uint64_t sent() const { return source_.sent(); }
  // The fault in the bytes that this side received, or in those that the peer saw of it.
  [[nodiscard]] std::string input_problem() const;
  [[nodiscard]] std::string output_problem(const verdict& peer) const;
  // The verdict that ended the peer's stream; `known` is 0 if there was none.
  [[nodiscard]] verdict peer_verdict() const;

 private:
  bool everything_sent();

  verify_plan plan_;
  std::size_t head_sent_ = 0;
  pattern_source source_;
  stream_check check_;
  std::vector<std::uint8_t> tail_in_;
  std::vector<std::uint8_t> tail_out_;
  std::size_t tail_sent_ = 0;
  bool tail_made_ = false;
  bool eof_ = false;
};

// The server's side of a connection: starts by reading the header.
std::unique_ptr<talker> make_server_talker(report_book& reports);
// Speaks first, then echoes.
std::unique_ptr<talker> make_banner_talker();

}  // namespace traffic
