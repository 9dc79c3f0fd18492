#include "common/core/undelivered.hpp"

#include <algorithm>

namespace tfunnel::core {

namespace {

std::string counted(std::uint64_t number, const std::string& one, const std::string& many) {
  return number == 1 ? one : std::to_string(number) + " " + many;
}

/// How much is known to go to the destination; a connection's end counts a little, too.
std::uint64_t weight(const Undelivered& one) {
  if (!one.destination) return 0;
  return one.share > 0 ? one.share : one.bytes + one.datagrams + 1;
}

}  // namespace

Undelivered& Undelivered::operator+=(const Undelivered& other) {
  const auto own = weight(*this);
  const auto others = weight(other);
  const bool same = destination == other.destination;
  if (others > own) destination = other.destination;
  share = same ? own + others : std::max(own, others);
  bytes += other.bytes;
  connections += other.connections;
  datagrams += other.datagrams;
  return *this;
}

std::string Undelivered::text() const {
  std::string words;
  const auto add = [&](const std::string& more) { words += (words.empty() ? "" : " and ") + more; };
  if (bytes > 0) {
    add(counted(bytes, "1 byte", "bytes") +
        (connections > 1 ? " of " + std::to_string(connections) + " connections" : ""));
  } else if (connections > 0) {
    add(counted(connections, "the end of a connection", "connections' ends"));
  }
  if (datagrams > 0) add(counted(datagrams, "a datagram", "datagrams"));
  if (!destination) return words;
  const bool all = share == 0 || share > bytes + datagrams;
  return words + (all ? " to " : ", most of it to ") + destination->text();
}

}  // namespace tfunnel::core
