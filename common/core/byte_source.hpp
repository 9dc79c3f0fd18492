// How a step machine asks for its next byte.
#pragma once

#include <boost/coroutine2/coroutine.hpp>

#include <cstdint>

namespace tfunnel::core {

/// The inside of a coroutine that is fed bytes: straight-line code asks for them one by one and is suspended while
/// there are none. push_type hands over the first byte with the first call, so that one waits for nothing; and the
/// coroutine ends with the byte that decides.
class ByteSource {
 public:
  using Coroutine = boost::coroutines2::coroutine<std::uint8_t>;

  explicit ByteSource(Coroutine::pull_type& bytes) : bytes_(bytes) {}

  std::uint8_t next() {
    if (started_) bytes_();
    started_ = true;
    return bytes_.get();
  }

 private:
  Coroutine::pull_type& bytes_;
  bool started_ = false;
};

}  // namespace tfunnel::core
