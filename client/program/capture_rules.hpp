// Rules that send traffic to the client, kept by the client itself.
#pragma once

#include <functional>
#include <memory>

#include "client/capture/link_choice.hpp"
#include "client/status/facts.hpp"
#include "common/core/reach.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

class CaptureRules {
 public:
  CaptureRules() = default;
  virtual ~CaptureRules() = default;
  CaptureRules(const CaptureRules&) = delete;
  CaptureRules& operator=(const CaptureRules&) = delete;

  /// The client does this with new connections from now on; possibly the same once more. `serve`: a link is up.
  /// May throw: then there are no rules, and the client ends.
  virtual void on_mode(CaptureMode mode) = 0;
  /// See Links::Events::on_reach.
  virtual void on_reach(const core::Reach& reach) = 0;
  /// As they are now; asks the kernel.
  [[nodiscard]] virtual RulesFacts facts() const = 0;
  /// The end is near, and another one takes over: what is left then must let nothing out. Does not throw.
  virtual void stay_closed() = 0;
  /// Last: the client has delivered what there was, and ends, because somebody asked for it or since there is no link
  /// any more. Does not throw.
  virtual void clean_end(bool asked_for) = 0;
};

/// `log` must outlive what it makes.
using MakeCaptureRules = std::function<std::unique_ptr<CaptureRules>(asio::io_context& context, const io::Log& log)>;

}  // namespace tfunnel::client
