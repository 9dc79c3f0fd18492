// DNS messages out of a stream (RFC 1035, 4.2.2; RFC 7766, 8).
#pragma once

#include "common/core/byte_source.hpp"
#include "proxy/dns/dns_message.hpp"

namespace tfunnel::proxy::dns {

/// Finds the messages in bytes that arrive in any pieces. A coroutine without I/O.
class Framing {
 public:
  enum class State { reading, whole, broken };

  Framing();
  // The coroutine refers to this object.
  Framing(const Framing&) = delete;
  Framing& operator=(const Framing&) = delete;

  /// Takes bytes until a message is whole, or too short to be one, which breaks the stream for good; returns how many
  /// were taken. REQUIRES: state() is `reading`.
  std::size_t feed(core::ByteView bytes);
  [[nodiscard]] State state() const { return state_; }
  /// The message; the next one may be fed from here. REQUIRES: state() is `whole`.
  Message take();

 private:
  void read(core::ByteSource::Coroutine::pull_type& bytes);

  State state_ = State::reading;
  Message message_;
  core::ByteSource::Coroutine::push_type coroutine_;
};

}  // namespace tfunnel::proxy::dns
