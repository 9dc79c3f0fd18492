// How payload passes through this process: moved inside the kernel, or copied.
#pragma once

#include "common/io/channel.hpp"
#include "common/io/splice.hpp"

namespace tfunnel::io {

/// A payload below this is copied: moving it costs a system call more.
constexpr std::size_t least_move = 16U << 10;

/// `automatic` moves where the system can; `copy` never does; `splice` is for tests that must not
/// silently copy.
enum class DataPathMode { automatic, splice, copy };

/// The two stages of a link. One each way is enough, since frames pass one at a time.
struct DataPath {
  /// Throws boost::system::system_error if `mode` is splice and the system cannot.
  DataPath(DataPathMode mode, Channel& channel);

  [[nodiscard]] bool moves() const { return out.is_open(); }

  Stage out;  // from a flow's socket to the link
  Stage in;   // from the link to a socket, unless the link is a pipe itself
  bool input_is_pipe = false;
};

}  // namespace tfunnel::io
