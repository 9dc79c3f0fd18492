// The public interface for code that stands in a flow: it sees the bytes of both directions, and passes, changes or
// ends them. examples/label_interceptor.cpp is a whole far end with one.
#pragma once

#include <memory>

#include "common/core/wire.hpp"
#include "proxy/egress/egress.hpp"

namespace tfunnel::proxy {

enum class Way { to_destination, to_application };

constexpr Way opposite(Way way) { return way == Way::to_destination ? Way::to_application : Way::to_destination; }

/// The flow, as its interceptor handles it. Valid only during a call of the interceptor.
class InterceptedFlow {
 public:
  InterceptedFlow() = default;
  InterceptedFlow(const InterceptedFlow&) = delete;
  InterceptedFlow& operator=(const InterceptedFlow&) = delete;

  /// Sends `bytes` that way, behind earlier ones. Copies them. Nothing happens if that way has ended.
  virtual void send(Way way, core::ByteView bytes) = 0;
  /// That way ends in order behind the bytes sent so far; bytes that its source still sends are read and dropped.
  virtual void finish(Way way) = 0;
  /// Both ends see a reset, at once. Nothing is called after it.
  virtual void reset() = 0;

 protected:
  ~InterceptedFlow() = default;
};

/// One flow's interceptor. It is called in the event loop and must not block; it is destroyed when the flow is over, in
/// whatever way. While a receiver does not read, no more is asked of it: the queue for either end stays within about
/// twice 64 KiB, plus the bytes that a single call sends.
class Interceptor {
 public:
  Interceptor() = default;
  Interceptor(const Interceptor&) = delete;
  Interceptor& operator=(const Interceptor&) = delete;
  virtual ~Interceptor() = default;

  /// Bytes on their way, in order, any number at a time. `bytes` is void after the call. Bytes that are not sent on are
  /// gone.
  virtual void on_bytes(InterceptedFlow& flow, Way way, core::ByteView bytes) { flow.send(way, bytes); }
  /// The source of that way sends no more (a half-close): the last chance to send something.
  virtual void on_end(InterceptedFlow& flow, Way way) { flow.finish(way); }
};

/// Decides which flows get an interceptor.
class InterceptorFactory {
 public:
  InterceptorFactory() = default;
  InterceptorFactory(const InterceptorFactory&) = delete;
  InterceptorFactory& operator=(const InterceptorFactory&) = delete;
  virtual ~InterceptorFactory() = default;

  /// Called when the connection to `target` is there. Null: this flow passes untouched, on the fast path.
  virtual std::unique_ptr<Interceptor> intercept(const Target& target) = 0;
};

}  // namespace tfunnel::proxy
