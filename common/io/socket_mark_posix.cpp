#include "common/io/socket_mark.hpp"

namespace tfunnel::io {

error_code mark_socket(int /*socket*/, std::uint32_t /*mark*/) { return asio::error::operation_not_supported; }

}  // namespace tfunnel::io
