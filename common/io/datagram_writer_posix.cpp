// POSIX sends one datagram a call.
#include "common/io/datagram_writer.hpp"

namespace tfunnel::io {

void DatagramWriter::flush(int socket, const Failed& failed) {
  for (const auto& entry : entries_) send_alone(socket, entry, failed);
  clear();
}

}  // namespace tfunnel::io
