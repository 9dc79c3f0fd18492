#include "proxy/access/access_options.hpp"

#include <stdexcept>

namespace tfunnel::proxy {

namespace {

namespace po = app::po;

/// One of two options that fill one list. Program_options hands over values in the order of the command line, but tells
/// notifiers in that of the names; so the value is taken when it is parsed. Rules of a configuration file come later.
class RuleOption final : public po::value_semantic {
 public:
  RuleOption(AccessRules& rules, bool allow) : rules_(rules), allow_(allow) {}

  [[nodiscard]] std::string name() const override { return "RULE"; }
  [[nodiscard]] unsigned min_tokens() const override { return 1; }
  [[nodiscard]] unsigned max_tokens() const override { return 1; }
  [[nodiscard]] bool is_composing() const override { return true; }
  [[nodiscard]] bool is_required() const override { return false; }
  bool apply_default(boost::any& /*value*/) const override { return false; }
  void notify(const boost::any& /*value*/) const override {}

  void parse(boost::any& value, const std::vector<std::string>& tokens, bool /*utf8*/) const override {
    const auto& text = tokens.at(0);
    try {
      rules_.add(parse_rule(allow_, text));
    } catch (const std::invalid_argument& fault) {
      throw app::UsageError(std::string(allow_ ? "--allow " : "--deny ") + text + ": " + fault.what());
    }
    value = text;
  }

 private:
  AccessRules& rules_;
  bool allow_;
};

void take_address(FarLoopback& loopback, const std::string& text) {
  const auto address = core::Address::parse(text);
  if (!address || !is_ordinary_source(*address)) {
    throw app::UsageError("--far-loopback-address is an IP address that nobody else has, not '" + text + "'");
  }
  (address->is_v4() ? loopback.v4 : loopback.v6) = *address;
}

}  // namespace

po::options_description access_description(AccessOptions& options) {
  po::options_description description("Proxy: who may be reached");
  const auto take_addresses = [&options](const std::vector<std::string>& texts) {
    for (const auto& text : texts) take_address(options.loopback, text);
  };
  auto add = description.add_options();
  // Program_options owns them.
  add("allow", new RuleOption(options.rules, true),
      "let destinations be reached: *, an address or a CIDR, then :PORTS if only some; the first --allow or --deny "
      "that "
      "matches decides");
  add("deny", new RuleOption(options.rules, false),
      "the contrary; without any --allow the rest is allowed, else denied");
  add("far-loopback", po::bool_switch(&options.loopback.offered),
      "services on this host's own loopback may be reached at the virtual address");
  add("far-loopback-address",
      po::value<std::vector<std::string>>()->composing()->value_name("ADDRESS")->notifier(take_addresses),
      "the virtual address, one a family (198.18.0.1 and 2001:2::1)");
  return description;
}

}  // namespace tfunnel::proxy
