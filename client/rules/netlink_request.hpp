// Messages of netlink(7), put together by libmnl.
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace tfunnel::client {

/// One request under construction; it fits the buffer by far.
class NetlinkRequest {
 public:
  NetlinkRequest(const char* what, std::uint16_t type, std::uint16_t flags)
      : what_(what), header_(mnl_nlmsg_put_header(buffer_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  }

  template <class Body>
  Body& body() {
    return *static_cast<Body*>(mnl_nlmsg_put_extra_header(header_, sizeof(Body)));
  }
  void add(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(header_, type, value); }
  void add(std::uint16_t type, std::span<const std::uint8_t> bytes) {
    mnl_attr_put(header_, type, bytes.size(), bytes.data());
  }
  void add(std::uint16_t type, const std::string& text) { mnl_attr_put_strz(header_, type, text.c_str()); }
  /// What `fill` adds stands inside of an attribute.
  void nest(std::uint16_t type, const std::function<void()>& fill) {
    auto* nest = mnl_attr_nest_start(header_, type);
    fill();
    mnl_attr_nest_end(header_, nest);
  }

  nlmsghdr& header() { return *header_; }
  [[nodiscard]] const char* what() const { return what_; }

 private:
  alignas(nlmsghdr) std::array<char, 512> buffer_{};
  const char* what_;
  nlmsghdr* header_;
};

}  // namespace tfunnel::client
