// What a message of netlink(7) says behind its header.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace tfunnel::client {

/// The attributes of a message behind its header of type Body.
template <class Body>
class Attributes {
 public:
  explicit Attributes(const nlmsghdr& message) : message_(message) {}

  [[nodiscard]] const Body& body() const { return *static_cast<const Body*>(mnl_nlmsg_get_payload(&message_)); }
  [[nodiscard]] std::string_view bytes(int type) const {
    std::string_view found;
    const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message_));
    for (const auto* at = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message_, sizeof(Body)));
         mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at))); at = mnl_attr_next(at)) {
      if (mnl_attr_get_type(at) != type) continue;
      found = {static_cast<const char*>(mnl_attr_get_payload(at)), mnl_attr_get_payload_len(at)};
    }
    return found;
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
  const nlmsghdr& message_;
};

}  // namespace tfunnel::client
