#include "proxy/access/access_options.hpp"

#include <stdexcept>

#include "common/app/option_values.hpp"

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

/// Both families in one value, each once.
class LoopbackAddress final : public app::WordValue<core::Address> {
 public:
  explicit LoopbackAddress(AccessOptions& options)
      : WordValue(parse_ordinary, "an IP address that nobody else has", "ADDRESS"), options_(options) {}

  [[nodiscard]] bool is_composing() const override { return true; }
  bool apply_default(boost::any& /*value*/) const override { return false; }
  void parse(boost::any& value, const std::vector<std::string>& words, bool /*utf8*/) const override {
    if (value.empty()) value = Both();
    auto& both = boost::any_cast<Both&>(value);
    const auto address = read(words.at(0));
    auto& place = address.is_v4() ? both.v4 : both.v6;
    if (place) throw app::UsageError("--far-loopback-address is one a family: " + words.at(0) + " is the second");
    place = address;
  }
  void notify(const boost::any& value) const override {
    const auto& both = boost::any_cast<const Both&>(value);
    auto& loopback = options_.loopback;
    loopback.v4 = both.v4.value_or(loopback.v4);
    loopback.v6 = both.v6.value_or(loopback.v6);
    options_.names_loopback = true;
  }

 private:
  struct Both {
    std::optional<core::Address> v4;
    std::optional<core::Address> v6;
  };

  static std::optional<core::Address> parse_ordinary(std::string_view text) {
    const auto address = core::Address::parse(std::string(text));
    return address && is_ordinary_source(*address) ? address : std::nullopt;
  }

  AccessOptions& options_;
};

}  // namespace

void check(const AccessOptions& options) {
  if (options.names_loopback && !options.loopback.offered)
    throw app::UsageError("--far-loopback-address says where --far-loopback is, and goes with it");
}

po::options_description access_description(AccessOptions& options) {
  po::options_description description("Proxy: who may be reached");
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
  add("far-loopback-address", new LoopbackAddress(options),
      "the virtual address, one a family (198.18.0.1 and 2001:2::1)");
  return description;
}

}  // namespace tfunnel::proxy
