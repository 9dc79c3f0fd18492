#include "common/io/spare_stages.hpp"

#include <utility>

namespace tfunnel::io {

asio::execution_context::id SpareStages::id;

std::unique_ptr<Stage> SpareStages::borrow() {
  std::unique_ptr<Stage> stage;
  if (!idle_.empty()) {
    stage = std::move(idle_.back());
    idle_.pop_back();
  } else if (lent_ < most) {
    stage = std::make_unique<Stage>();
    if (!stage->open()) return nullptr;
  }
  if (stage) ++lent_;
  return stage;
}

void SpareStages::give_back(std::unique_ptr<Stage> stage) {
  --lent_;
  idle_.push_back(std::move(stage));
}

}  // namespace tfunnel::io
