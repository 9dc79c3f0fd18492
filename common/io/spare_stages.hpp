// Pipes for what sockets cannot take yet.
#pragma once

#include <memory>
#include <vector>

#include "common/io/splice.hpp"

namespace tfunnel::io {

/// An event loop's stages for flows whose destination is slower than the link. Few, because a user may have only so
/// many large pipes (pipe(7), pipe-user-pages-soft); whoever gets none copies. Made when it is first asked for.
class SpareStages final : public asio::execution_context::service {
 public:
  using key_type = SpareStages;
  static asio::execution_context::id id;

  explicit SpareStages(asio::execution_context& context) : service(context) {}
  static SpareStages& of(asio::execution_context& context) { return asio::use_service<SpareStages>(context); }

  /// An empty stage, or null.
  std::unique_ptr<Stage> borrow();
  /// REQUIRES: it came from borrow() and is empty. A stage that is not given back must be destroyed
  /// and told by lost().
  void give_back(std::unique_ptr<Stage> stage);
  void lost() { --lent_; }

 private:
  void shutdown() override {}

  static constexpr std::size_t most = 16;
  std::size_t lent_ = 0;
  std::vector<std::unique_ptr<Stage>> idle_;
};

}  // namespace tfunnel::io
