#include "common/core/protocol_error.hpp"

#include <string>

namespace tfunnel::core {

namespace {

const char* describe(ProtocolError error) {
  switch (error) {
    case ProtocolError::frame_too_large: return "a frame is larger than 1 MiB";
    case ProtocolError::malformed_frame: return "a frame cannot be parsed";
    case ProtocolError::payload_not_last: return "a payload is not the last field of its frame";
    case ProtocolError::unexpected_hello: return "a second Hello arrived";
    case ProtocolError::missing_hello: return "the first frame is not Hello";
    case ProtocolError::same_role: return "both ends have the same role";
    case ProtocolError::bad_flow_id: return "a new flow has an id that is not free";
    case ProtocolError::unknown_flow: return "a frame names a flow that was never opened";
    case ProtocolError::too_many_flows: return "more flows were opened than agreed";
    case ProtocolError::credit_overrun: return "more data arrived than was granted";
    case ProtocolError::credit_overflow: return "a flow was granted more credit than a window can hold";
    case ProtocolError::data_after_end: return "data arrived after the end of its flow";
    case ProtocolError::bad_open: return "an Open frame is incomplete or has a bad address";
    case ProtocolError::wrong_direction: return "this end does not accept flows";
    case ProtocolError::wrong_transport: return "a frame does not fit the transport of its flow";
  }
  return "unknown protocol error";
}

class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tfunnel.protocol"; }
  [[nodiscard]] std::string message(int value) const override { return describe(static_cast<ProtocolError>(value)); }
};

}  // namespace

const boost::system::error_category& protocol_category() {
  static const Category category;
  return category;
}

}  // namespace tfunnel::core
