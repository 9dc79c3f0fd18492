#include "common/io/datagram_writer.hpp"

#include <sys/socket.h>

#include "common/io/errors.hpp"

namespace tfunnel::io {

bool DatagramWriter::add(const udp::endpoint& to, core::ByteView payload) {
  if (!entries_.empty() && (bytes_.size() + payload.size() > most_bytes || entries_.size() >= most_entries)) {
    return false;
  }
  entries_.push_back({to, bytes_.size(), payload.size()});
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  return true;
}

void DatagramWriter::send_alone(int socket, const Entry& entry, const Failed& failed) const {
  const auto bytes = payload(entry);
  const auto size = static_cast<socklen_t>(entry.to.size());
  const auto sent = ::sendto(socket, bytes.data(), bytes.size(), MSG_DONTWAIT, entry.to.data(), size);
  if (sent < 0) failed(entry.to, bytes, last_error());
}

void DatagramWriter::clear() {
  entries_.clear();
  bytes_.clear();
}

}  // namespace tfunnel::io
