// Moving bytes between descriptors without bringing them into this process, where the system can.
#pragma once

#include <cstddef>

#include "common/core/batch.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::io {

/// A pipe that holds payload on its way. The kernel can move bytes between two descriptors only if
/// one of them is a pipe, and only bytes in our own pipe are surely ours: an application may reset
/// its connection at any time, but a length once promised on the link must be kept.
class Stage final : public core::PayloadStage {
 public:
  /// A closed stage, which moves nothing; the portable path.
  Stage() = default;
  ~Stage() override;

  /// Makes the pipe, as large as the system lets us. False: not here.
  bool open();
  [[nodiscard]] bool is_open() const { return in_ >= 0; }

  result<std::size_t> take(int descriptor, std::size_t most) override;
  /// Moves up to `most` staged bytes to `descriptor`. Errors: would_block.
  result<std::size_t> give(int descriptor, std::size_t most);
  /// Copies into the stage as many of `size` bytes as fit. Errors: would_block.
  result<std::size_t> put(const void* from, std::size_t size);
  /// Reads up to `most` staged bytes into memory, for a destination that cannot take them now.
  result<std::size_t> read(void* into, std::size_t most);
  /// The descriptor that others may move bytes into; -1 while closed.
  [[nodiscard]] int write_descriptor() const { return in_; }

 private:
  int in_ = -1;   // written by take()
  int out_ = -1;  // read by give()
};

/// Moves up to `most` bytes; one of the two must be a pipe. Errors: would_block (either side); eof.
result<std::size_t> move_bytes(int from, int to, std::size_t most);

/// Is it a pipe or FIFO? Always false where bytes cannot be moved.
bool is_pipe(int descriptor);

/// Can bytes be moved from and to it? Pipes and sockets; not terminals.
bool is_movable(int descriptor);

/// Makes a pipe large enough for a full batch; others, and pipes that may not grow, stay as they are.
void enlarge_pipe(int descriptor);

}  // namespace tfunnel::io
