// The fill of the kernel's queues of a TCP socket. Only hints: more may come at any time.
#pragma once

#include <cstddef>

namespace tfunnel::io {

/// Bytes that have come and were not read.
std::size_t bytes_received(int socket);
/// Bytes, and the end if it was shut down, that the other side has not acknowledged.
std::size_t bytes_unacknowledged(int socket);
/// The other side sends no more than what has come. False if that cannot be seen yet.
bool end_has_come(int socket);
/// Reads what has come, for nobody: a socket that is closed with unread data takes back what it has not sent yet.
void discard_received(int socket);

}  // namespace tfunnel::io
