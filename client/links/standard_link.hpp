// The link on standard input and output.
#pragma once

#include "client/links/links.hpp"
#include "common/app/standard_channel.hpp"

namespace tfunnel::client {

/// There is one, and when it is lost, that is the end.
class StandardLink final : public Links {
 public:
  /// Throws app::UsageError or boost::system::system_error if standard input and output cannot be a link. `log` must
  /// outlive it.
  StandardLink(asio::io_context& context, const app::CommonOptions& options, Events events, const io::Log& log);

  void start() override { session_.start(); }
  std::shared_ptr<io::Session> choose() override { return {std::shared_ptr<void>(), &session_}; }
  void drain(core::LastCall::Terms terms) override { session_.drain(terms); }
  core::Drain::Facts prospects() override { return session_.prospects(); }
  void stop(const std::string& why) override { session_.shut_down(why); }
  void print_table(const io::Log& log) const override { session_.print_table(log); }
  [[nodiscard]] std::vector<LinkFacts> facts(std::size_t most_flows) const override;
  void tell_reach() override;

 private:
  void on_ready();

  Events events_;
  app::StandardChannel channel_;
  io::Session session_;
  bool is_up_ = false;
  std::optional<core::Time> since_;  // it is up, or down
};

}  // namespace tfunnel::client
