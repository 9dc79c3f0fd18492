// The parts of a log line.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/core/flow_request.hpp"

namespace tfunnel::io {

enum class LogLevel { error, warning, info, debug, trace };
enum class LogFormat { text, json };

/// Follows the message as key=value, or becomes a member of the JSON object.
using LogField = std::pair<std::string_view, std::string>;
using LogFields = std::initializer_list<LogField>;

/// The flow that a line is about. In text it stands behind the message, as FlowRequest::text() has it; JSON gets the
/// members flow (a number, the id on this link; not of one that got none), transport, source and destination.
class LogFlow {
 public:
  /// `id` 0: there is none (yet).
  explicit LogFlow(const core::FlowRequest& request, std::uint32_t id = 0) : request_(request), id_(id) {}
  /// Of a datagram to `peer`.
  LogFlow(const core::FlowRequest& request, std::uint32_t id, const core::Endpoint& peer)
      : request_(request), peer_(peer), id_(id) {}

  [[nodiscard]] const core::FlowRequest& request() const { return request_; }
  [[nodiscard]] std::uint32_t id() const { return id_; }
  /// Of a UDP flow only if the line is about one of them.
  [[nodiscard]] std::optional<core::Endpoint> destination() const {
    return request_.transport == core::Transport::tcp ? request_.destination : peer_;
  }
  [[nodiscard]] std::string text() const;

 private:
  core::FlowRequest request_;
  std::optional<core::Endpoint> peer_;
  std::uint32_t id_;
};

}  // namespace tfunnel::io
