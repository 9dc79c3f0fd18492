#include "common/io/data_path.hpp"

namespace tfunnel::io {

DataPath::DataPath(DataPathMode mode, Channel& channel) {
  if (mode == DataPathMode::copy) return;
  input_is_pipe = is_pipe(channel.read_descriptor());
  const bool opened = out.open() && (input_is_pipe || in.open());
  if (!opened && mode == DataPathMode::splice) {
    throw boost::system::system_error(asio::error::operation_not_supported, "--data-path splice");
  }
  if (is_pipe(channel.write_descriptor())) enlarge_pipe(channel.write_descriptor());
}

}  // namespace tfunnel::io
