#include "common/io/data_path.hpp"

#include <utility>

namespace tfunnel::io {

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

DataPath::DataPath(DataPathMode mode, Channel& channel) {
  if (mode == DataPathMode::copy) return;
  input_is_pipe = is_pipe(channel.read_descriptor());
  const bool movable = is_movable(channel.read_descriptor()) && is_movable(channel.write_descriptor());
  const bool opened = movable && out.open() && (input_is_pipe || in.open());
  if (!opened && mode == DataPathMode::splice) {
    throw boost::system::system_error(asio::error::operation_not_supported, "--data-path splice");
  }
  if (opened && is_pipe(channel.write_descriptor())) enlarge_pipe(channel.write_descriptor());
}

}  // namespace tfunnel::io
