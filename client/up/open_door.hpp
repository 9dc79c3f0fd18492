// Those who ask whether a `tfunnel up` runs here.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>

#include "client/program/capture_rules.hpp"
#include "client/up/instance.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::client {

/// Rules, and beside them an instance that lets everybody go who connects to it to learn who it is. Else they would
/// stay in the kernel's queue when they are long gone, and once that is full nobody sees that an instance is there.
class OpenDoor final : public CaptureRules {
 public:
  /// `instance` must outlive the event loop's run. Throws boost::system::system_error.
  OpenDoor(asio::io_context& context, const Instance& instance, std::unique_ptr<CaptureRules> rules);

  void on_mode(CaptureMode mode) override { rules_->on_mode(mode); }
  void on_reach(const core::Reach& reach) override { rules_->on_reach(reach); }
  [[nodiscard]] RulesFacts facts() const override { return rules_->facts(); }
  void stay_closed() override { rules_->stay_closed(); }
  void clean_end(bool asked_for) override;

 private:
  void wait();

  const Instance& instance_;
  asio::posix::stream_descriptor door_;  // the instance's socket once more
  std::unique_ptr<CaptureRules> rules_;
};

}  // namespace tfunnel::client
