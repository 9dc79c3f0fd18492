// sendmmsg(2); udp(7): UDP_SEGMENT.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "common/io/datagram_writer.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::io {

namespace {

// The largest size that every path of today carries whole, over IPv6 too. A larger one must be fragmented, and a
// segment cannot be.
constexpr std::size_t largest_segment = 1452;
constexpr std::size_t most_segments = 64;  // UDP_MAX_SEGMENTS of older kernels
constexpr std::size_t most_segmented = 65'000;

using Control = std::array<char, CMSG_SPACE(sizeof(std::uint16_t))>;

void ask_for_segments(msghdr& message, Control& control, std::size_t size) {
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto segment = static_cast<std::uint16_t>(size);
  std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
}

}  // namespace

/// One message of sendmmsg: entries [first, first + count).
struct DatagramWriter::Group {
  std::size_t first;
  std::size_t count;
  std::size_t bytes;
  iovec piece{};
  alignas(cmsghdr) Control control{};
};

// Linux before 4.18 does not know UDP_SEGMENT in a message, says nothing, and would send a group as one datagram.
void DatagramWriter::learn_of_segments(int socket) {
  if (asked_system_) return;
  asked_system_ = true;
  int size = 0;
  socklen_t length = sizeof size;
  may_segment_ = may_segment_ && ::getsockopt(socket, SOL_UDP, UDP_SEGMENT, &size, &length) == 0;
}

// All segments but the last are equal in size.
bool DatagramWriter::joins(const Group& group, const Entry& entry) const {
  const auto& first = entries_[group.first];
  const bool may = may_segment_ && entry.size > 0 && entry.size <= first.size && first.size <= largest_segment;
  return may && group.bytes == group.count * first.size && group.count < most_segments &&
         group.bytes + entry.size <= most_segmented && entry.to == first.to;
}

std::vector<DatagramWriter::Group> DatagramWriter::grouped() const {
  std::vector<Group> groups;
  groups.reserve(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!groups.empty() && joins(groups.back(), entries_[i])) {
      ++groups.back().count;
      groups.back().bytes += entries_[i].size;
    } else {
      groups.push_back({i, 1, entries_[i].size});
    }
  }
  return groups;
}

void DatagramWriter::flush(int socket, const Failed& failed) {
  learn_of_segments(socket);
  auto groups = grouped();
  std::vector<mmsghdr> messages(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    auto& group = groups[i];
    auto& first = entries_[group.first];
    auto& message = messages[i].msg_hdr;
    group.piece = {bytes_.data() + first.at, group.bytes};
    message.msg_name = first.to.data();
    message.msg_namelen = static_cast<socklen_t>(first.to.size());
    message.msg_iov = &group.piece;
    message.msg_iovlen = 1;
    if (group.count > 1) ask_for_segments(message, group.control, first.size);
  }
  for (std::size_t done = 0; done < messages.size();) {
    const auto left = static_cast<unsigned>(messages.size() - done);
    const int sent = ::sendmmsg(socket, messages.data() + done, left, MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      continue;
    }
    // The first of them failed. One by one tells which datagram of a group it is about, and is the way
    // out for a device that cannot cut segments.
    const auto& group = groups[done++];
    for (std::size_t i = 0; i < group.count; ++i) send_alone(socket, entries_[group.first + i], failed);
  }
  clear();
}

}  // namespace tfunnel::io
