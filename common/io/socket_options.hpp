// Socket options of every TCP connection of ours, on either side.
#pragma once

#include "common/io/asio.hpp"

namespace tfunnel::io {

/// No Nagle delay (frames are gathered already), keep-alive so that dead peers are noticed within
/// minutes, and reset on close: should this program die, the application sees a reset and not the
/// false end of its data. end_gracefully() takes the last one back.
/// Urgent data (MSG_OOB of send(2)) is a byte of the stream like all others, and is read in its place.
/// A connection has it best before it is made. On Linux, accepted connections have it from their listener.
void prepare(int socket);
/// The same, and non-blocking.
void prepare(tcp::socket& socket);

/// The part of prepare() that any other stream socket needs, too. No effect on a descriptor that is no socket.
void keep_urgent_data_in_line(int socket);

/// From here close() resets the connection, whatever was asked for before.
void reset_on_close(tcp::socket& socket);

/// From here close() delivers what is written and then ends in order. REQUIRES: both directions are over.
void end_gracefully(tcp::socket& socket);

/// The socket's pending error (SO_ERROR), which is cleared by this.
error_code pending_error(tcp::socket& socket);

}  // namespace tfunnel::io
