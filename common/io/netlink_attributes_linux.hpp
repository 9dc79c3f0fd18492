// What a message of netlink(7) says behind its header.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace tfunnel::io {

/// A number as nfnetlink has it, most significant byte first; 0: there is none.
inline std::uint64_t in_network_order(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8U | static_cast<std::uint8_t>(byte);
  return number;
}

/// The attributes of a message behind its header of type Body.
template <class Body>
class Attributes {
 public:
  explicit Attributes(const nlmsghdr& message) : message_(message) {}

  [[nodiscard]] const Body& body() const { return *static_cast<const Body*>(mnl_nlmsg_get_payload(&message_)); }
  [[nodiscard]] std::string_view bytes(int type) const {
    const auto* begin = static_cast<const char*>(mnl_nlmsg_get_payload_offset(&message_, sizeof(Body)));
    const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message_));
    return find(type, {begin, static_cast<std::size_t>(end - begin)});
  }
  /// Of an attribute inside of another one.
  [[nodiscard]] std::string_view nested(int outer, int type) const { return find(type, bytes(outer)); }
  /// Up to its first null.
  [[nodiscard]] std::string_view text(int type) const {
    const auto all = bytes(type);
    return all.substr(0, all.find('\0'));
  }
  [[nodiscard]] bool has(int type) const { return bytes(type).data() != nullptr; }
  [[nodiscard]] std::uint32_t number(int type, std::uint32_t otherwise = 0) const {
    const auto found = bytes(type);
    if (found.size() == 1) return static_cast<std::uint8_t>(found[0]);
    if (found.size() != sizeof(std::uint32_t)) return otherwise;
    std::uint32_t value = 0;
    std::memcpy(&value, found.data(), sizeof value);
    return value;
  }

 private:
  /// The last one of this type.
  static std::string_view find(int type, std::string_view all) {
    std::string_view found;
    const auto* end = all.data() + all.size();
    for (const auto* at = reinterpret_cast<const nlattr*>(all.data());
         mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at))); at = mnl_attr_next(at)) {
      if (mnl_attr_get_type(at) != type) continue;
      found = {static_cast<const char*>(mnl_attr_get_payload(at)), mnl_attr_get_payload_len(at)};
    }
    return found;
  }

  const nlmsghdr& message_;
};

}  // namespace tfunnel::io
