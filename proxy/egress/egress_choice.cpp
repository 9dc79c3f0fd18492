#include "proxy/egress/egress_choice.hpp"

namespace tfunnel::proxy {

Egress& EgressChoice::way_of(const Target& target) const {
  return exceptions_.matches(target.name, target.destination) ? direct_ : upstream_;
}

result<tcp::socket> EgressChoice::connect(const Target& target, asio::yield_context yield) {
  return way_of(target).connect(target, yield);
}

bool EgressChoice::wants_name(const Target& target) const { return way_of(target).wants_name(target); }

}  // namespace tfunnel::proxy
