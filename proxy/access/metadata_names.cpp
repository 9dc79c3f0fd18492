#include "proxy/access/metadata_names.hpp"

#include <array>

#include "common/core/host_name.hpp"

namespace tfunnel::proxy {

namespace {

struct Service {
  std::string_view name;  // and all below it; * is any one label
  std::array<const char*, 2> addresses;
};

// Each as its cloud documents it. Names that lead to an ordinary address (CloudStack's data-server, Equinix' metadata)
// are left out, as those addresses are.
constexpr auto usual = "169.254.169.254";
constexpr std::array<Service, 11> services{{
    // Google: cloud.google.com/compute/docs/metadata
    {"metadata.google.internal", {usual, "fd20:ce::254"}},
    {"metadata.goog", {usual, "fd20:ce::254"}},
    {"metadata", {usual, "fd20:ce::254"}},
    // Amazon: what the resolvers of its VPCs say; the short one is in cloud-init's datasource Ec2, for its imitators.
    {"instance-data", {usual, "fd00:ec2::254"}},
    {"instance-data.ec2.internal", {usual, "fd00:ec2::254"}},
    {"instance-data.*.compute.internal", {usual, "fd00:ec2::254"}},
    // Azure: not documented, but in use.
    {"metadata.azure.internal", {usual, nullptr}},
    // Tencent: cloud.tencent.com/document/product/213/4934
    {"metadata.tencentyun.com", {usual, "169.254.0.23"}},
    // IBM: cloud.ibm.com/docs/vpc, "About instance metadata for VPC"
    {"api.metadata.cloud.ibm.com", {usual, nullptr}},
    // Exoscale: community.exoscale.com, "cloud-init and user data"
    {"metadata.exoscale.com", {usual, nullptr}},
    // Rancher 1.6: rancher.com/docs/rancher/v1.6, "Metadata Service"
    {"rancher-metadata", {"169.254.169.250", nullptr}},
}};

/// Takes the last label off `name`.
std::string_view take_label(std::string_view& name) {
  const auto dot = name.rfind('.');
  const auto label = dot == std::string_view::npos ? name : name.substr(dot + 1);
  name = dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
  return label;
}

bool matches_known(std::string_view name, std::string_view known) {
  while (!known.empty()) {
    const auto wanted = take_label(known);
    const auto label = take_label(name);
    if (label.empty() || (wanted != "*" && wanted != label)) return false;
  }
  return true;
}

}  // namespace

std::vector<core::Address> addresses_of_metadata(std::string_view text) {
  const auto name = core::host_name(text);
  if (!name) {
    const auto itself = core::Address::parse(std::string(text));
    return itself ? std::vector{*itself} : std::vector<core::Address>();
  }
  std::vector<core::Address> addresses;
  for (const auto& service : services) {
    if (!matches_known(*name, service.name)) continue;
    for (const auto* address : service.addresses) {
      if (address != nullptr) addresses.push_back(core::Address::parse(address).value());
    }
  }
  return addresses;
}

}  // namespace tfunnel::proxy
