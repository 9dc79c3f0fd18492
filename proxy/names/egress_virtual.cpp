#include "proxy/names/egress_virtual.hpp"

#include "common/io/errors.hpp"

namespace tfunnel::proxy {

result<tcp::socket> VirtualEgress::connect(const Target& target, asio::yield_context yield) {
  const auto& address = target.destination.address;
  if (!names_.is_virtual(address)) return others_.connect(target, yield);
  Target named = target;
  if (!target.name.empty()) names_.adopt(target.name, address);
  if (auto name = names_.name_of(address)) {
    named.name = std::move(*name);
    return by_name_.connect(named, yield);
  }
  log_.about_flow(io::LogLevel::info, "this virtual address stands for no name, or not any more",
                  {{"destination", target.destination.text()}});
  return io::error_of(core::Reason::host_unreachable);
}

bool VirtualEgress::wants_name(const Target& target) const {
  const auto& address = target.destination.address;
  return names_.is_virtual(address) ? !names_.name_of(address) : others_.wants_name(target);
}

}  // namespace tfunnel::proxy
