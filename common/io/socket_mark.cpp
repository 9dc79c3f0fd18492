#include "common/io/socket_mark.hpp"

namespace tfunnel::io {

asio::execution_context::id SocketMark::id;

error_code SocketMark::apply(int socket) const { return mark_ == 0 ? error_code() : mark_socket(socket, mark_); }

}  // namespace tfunnel::io
