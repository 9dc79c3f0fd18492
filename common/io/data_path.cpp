#include "common/io/data_path.hpp"

namespace tfunnel::io {

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
