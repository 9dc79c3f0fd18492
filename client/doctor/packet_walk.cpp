#include "client/doctor/packet_walk.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "client/doctor/packet_values.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

// The kernel takes no more jumps, one in another.
constexpr int deepest = 16;
// Statements that decide nothing.
constexpr std::array harmless{"counter", "log", "set", "map", "notrack", "last", "ct helper", "secmark", "flow"};

/// One packet's way through one base chain.
class Walk {
 public:
  Walk(const Ruleset& all, const NftChain& base, Specimen& packet) : all_(all), base_(base), packet_(packet) {}

  std::optional<Trouble> run() {
    const auto end = through(base_, 0);
    if (trouble_ || end == End::accepted || is_unsure_ || !base_.drops) return trouble_;
    return Trouble{Trouble::Kind::dropped, &base_, &base_, 0};
  }

 private:
  enum class End { fell_out, accepted, over };
  /// None: on to the next rule.
  using Verdict = std::optional<End>;

  End through(const NftChain& chain, int depth) {
    for (const auto& rule : chain.rules) {
      if (const auto end = apply(chain, rule, depth)) return *end;
    }
    return End::fell_out;
  }

  // Statements stand in order: a match that fails ends the rule, a verdict ends it, too.
  Verdict apply(const NftChain& chain, const NftRule& rule, int depth) {
    bool is_certain = true;
    for (const auto& part : rule.parts) {
      if (!part.is_object() || part.get_object().empty()) continue;
      const std::string_view kind(part.get_object().begin()->key());
      const auto& what = part.get_object().begin()->value();
      if (kind == "match" && what.is_object()) {
        const auto truth = meets(packet_, what.get_object());
        if (truth == Truth::no) return {};
        is_certain = is_certain && truth == Truth::yes;
      } else if (kind == "mangle" && what.is_object()) {
        mangle(chain, rule, what.get_object(), is_certain);
        if (trouble_) return End::over;
      } else if (const auto end = decide(chain, rule, kind, what, is_certain, depth)) {
        return end;
      }
    }
    return {};
  }

  // Marks that only may be set make the mark unknown, and an unknown one is never lost.
  void mangle(const NftChain& chain, const NftRule& rule, const json::object& what, bool is_certain) {
    const auto* key = what.if_contains("key");
    const auto* value = what.if_contains("value");
    if (key == nullptr || value == nullptr || *key != json::value{{"meta", {{"key", "mark"}}}}) return;
    const auto before = packet_.mark;
    packet_.mark = is_certain ? number_of(packet_, *value) : std::nullopt;
    const bool is_lost = before && packet_.mark && (*before & ~*packet_.mark & packet_.needed) != 0;
    if (is_lost && !is_unsure_) trouble_ = Trouble{Trouble::Kind::lost_mark, &base_, &chain, rule.handle};
    if (is_unsure_) packet_.mark.reset();
  }

  // What only may happen makes all that follows uncertain.
  Verdict decide(const NftChain& chain, const NftRule& rule, std::string_view kind, const json::value& what,
                 bool& is_certain, int depth) {
    if (std::ranges::find(harmless, kind) != harmless.end()) return {};
    if (kind == "drop" || kind == "reject") {
      if (!is_certain || is_unsure_) return {};
      trouble_ = Trouble{Trouble::Kind::dropped, &base_, &chain, rule.handle};
      return End::over;
    }
    if (is_certain && kind == "accept") return End::accepted;
    if (is_certain && kind == "return") return End::fell_out;
    if (is_certain && (kind == "jump" || kind == "goto")) return follow(chain, what, kind == "goto", depth);
    if (kind == "limit" || kind == "quota" || kind == "ct count") {
      is_certain = false;
      return {};
    }
    if (kind == "xt") packet_.mark.reset();
    is_certain = false;
    is_unsure_ = true;
    return {};
  }

  // What comes back from a jump goes on behind it, from a goto at the chain's end.
  Verdict follow(const NftChain& from, const json::value& what, bool is_goto, int depth) {
    const auto* name = what.is_object() ? what.get_object().if_contains("target") : nullptr;
    const auto* to =
        name != nullptr && name->is_string()
            ? all_.find(from.family, from.table, std::string_view(name->get_string().data(), name->get_string().size()))
            : nullptr;
    if (to == nullptr || depth == deepest) {
      is_unsure_ = true;
      return {};
    }
    const auto end = through(*to, depth + 1);
    if (end != End::fell_out || is_goto) return end;
    return {};
  }

  const Ruleset& all_;
  const NftChain& base_;
  Specimen& packet_;
  bool is_unsure_ = false;
  std::optional<Trouble> trouble_;
};

}  // namespace

std::vector<const NftChain*> chains_at(const Ruleset& all, const std::string& hook, bool is_v4,
                                       const std::vector<std::string>& but_of) {
  std::vector<const NftChain*> found;
  for (const auto& chain : all.chains) {
    const bool is_for_it = chain.family == "inet" || chain.family == (is_v4 ? "ip" : "ip6");
    if (chain.hook == hook && is_for_it && std::ranges::find(but_of, chain.table) == but_of.end()) {
      found.push_back(&chain);
    }
  }
  std::ranges::stable_sort(found, {}, &NftChain::priority);
  return found;
}

std::optional<Trouble> walk(const Ruleset& all, const NftChain& base, Specimen& packet) {
  return Walk(all, base, packet).run();
}

}  // namespace tfunnel::client
