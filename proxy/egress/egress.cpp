#include "proxy/egress/egress.hpp"

namespace tfunnel::proxy {

namespace {

class EgressCategory final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tfunnel.naming"; }
  [[nodiscard]] std::string message(int /*value*/) const override { return "refused under this name"; }
};

}  // namespace

error_code refused_as_called() {
  static const EgressCategory category;
  return {1, category};
}

const char* next_try(bool was_named) { return was_named ? "; the address is tried" : "; its name is tried"; }

std::optional<core::Charge> charge_for(const Target& target, std::size_t bytes) {
  auto charge = target.memory == nullptr ? core::Charge() : core::Charge(target.memory->connections());
  if (!charge.resize(bytes)) return std::nullopt;
  return charge;
}

}  // namespace tfunnel::proxy
