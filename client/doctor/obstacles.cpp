#include "client/doctor/obstacles.hpp"

#include <set>
#include <utility>

#include "client/doctor/packet_walk.hpp"
#include "client/doctor/shell_words.hpp"

namespace tfunnel::client {

namespace {

constexpr const char* loopback = "lo";
constexpr std::uint16_t port_of_no_service = 9;  // discard
const std::vector<std::string> our_tables{system_table, guard_table};

std::string name_of(const NftChain& chain) { return chain.family + " " + chain.table + " " + chain.name; }

std::string words_of(const NftChain& chain) {
  return chain.family + " " + shell_word(chain.table) + " " + shell_word(chain.name);
}

/// Where the packet is when it meets others.
struct Stage {
  const char* hook;
  bool is_marked;  // by us, so that others' rules may know it
};

class Search {
 public:
  Search(const Ruleset& rules, const SystemMarks& marks, const Exits& exits)
      : rules_(rules), marks_(marks), exits_(exits) {}

  std::vector<Obstacle> run() {
    for (const bool is_v4 : {true, false}) {
      for (const bool is_tcp : {true, false}) {
        follow_request(is_v4, is_tcp);
        follow_answer(is_v4, is_tcp);
        follow_forwarded(is_v4, is_tcp);
      }
    }
    return std::move(found_);
  }

 private:
  // Our chain stands among the others: before it the packet is like any other, behind it it has our mark.
  void follow_request(bool is_v4, bool is_tcp) {
    Specimen packet{is_v4, is_tcp, "", {}, {}, {}, 0, 0, false};
    const auto& exit = is_v4 ? exits_.v4 : exits_.v6;
    if (!exit.empty()) packet.out = exit;  // all of this hook's chains see that, also behind ours
    packet.to = far_address(is_v4);
    const auto ours = priority_of("output");
    bool is_ours = false;
    for (const auto* chain : chains_at(rules_, "output", is_v4, our_tables)) {
      if (chain->priority == ours) {
        pass_beside(*chain, packet);
        continue;
      }
      if (chain->priority > ours && !is_ours) is_ours = take(packet);
      pass({"output", is_ours}, *chain, packet);
    }
    if (!is_ours) take(packet);
    deliver(packet);
  }

  void follow_answer(bool is_v4, bool is_tcp) {
    Specimen packet{is_v4, is_tcp, "", loopback, {}, {}, marks_.own, marks_.own, true};
    packet.from = far_address(is_v4);
    for (const auto* chain : chains_at(rules_, "output", is_v4, our_tables)) pass({"output", true}, *chain, packet);
    deliver(packet);
  }

  // It is delivered to this machine, where filters often expect only what is for its own services.
  void follow_forwarded(bool is_v4, bool is_tcp) {
    std::vector<Trouble> troubles;
    for (const auto& card : exits_.inward) {
      Specimen packet{is_v4, is_tcp, card, "", {}, {}, marks_.captured, 0, false, port_of_no_service};
      packet.to = far_address(is_v4);
      for (const auto* chain : chains_at(rules_, "input", is_v4, our_tables)) {
        if (const auto trouble = walk(rules_, *chain, packet)) {
          troubles.push_back(*trouble);
          break;
        }
      }
    }
    if (!troubles.empty() && troubles.size() == exits_.inward.size()) tell({"input", true}, troubles.front());
  }

  void deliver(Specimen& packet) {
    const bool is_request = packet.needed == marks_.captured;
    packet.out = loopback;
    pass_all("postrouting", packet);
    packet.out = "";
    packet.in = loopback;
    const auto ours = priority_of("prerouting");
    for (const auto* chain : chains_at(rules_, "prerouting", packet.is_v4, our_tables)) {
      // Behind us its way is known already.
      if (chain->priority >= ours) packet.needed = 0;
      if (chain->priority == ours && is_request) {
        pass_beside(*chain, packet);
      } else {
        pass({"prerouting", true}, *chain, packet);
      }
    }
    packet.needed = 0;
    pass_all("input", packet);
  }

  void pass_all(const char* hook, Specimen& packet) {
    for (const auto* chain : chains_at(rules_, hook, packet.is_v4, our_tables)) pass({hook, true}, *chain, packet);
  }

  // Of the same priority: before ours, or behind.
  void pass_beside(const NftChain& chain, const Specimen& packet) {
    auto copy = packet;
    copy.mark.reset();
    pass({chain.hook.c_str(), false}, chain, copy);
  }

  // What is in the way is taken as mended, so that what comes behind it is found as well.
  void pass(const Stage& stage, const NftChain& chain, Specimen& packet) {
    const auto before = packet.mark;
    const auto trouble = walk(rules_, chain, packet);
    if (!trouble) return;
    tell(stage, *trouble);
    packet.mark = before;  // as if that were mended
  }

  bool take(Specimen& packet) const {
    if (packet.mark) packet.mark = *packet.mark | marks_.captured;
    packet.needed = marks_.captured;
    return true;
  }

  void tell(const Stage& stage, const Trouble& trouble) {
    if (!told_.insert({trouble.chain, trouble.handle}).second) return;
    const auto rule = trouble.handle == 0 ? "the policy" : "rule " + std::to_string(trouble.handle);
    const auto where = rule + " of chain " + name_of(*trouble.chain) + " (hook " + stage.hook + ", priority " +
                       std::to_string(trouble.base->priority) + ")";
    Obstacle one;
    if (trouble.kind == Trouble::Kind::lost_mark) {
      one = {where + " takes our mark from packets", "what is captured does not come to the tunnel", removed(trouble)};
    } else {
      one = {where + " drops what is captured", "nothing goes through the tunnel",
             stage.is_marked ? let_through(*trouble.base) : removed(trouble)};
    }
    found_.push_back(one);
  }

  // Others' rules stay as they are: what has our mark is accepted before them.
  [[nodiscard]] std::string let_through(const NftChain& base) const {
    return "nft insert rule " + words_of(base) + " meta mark and " + mark_text(marks_.captured | marks_.own) +
           " != 0 accept";
  }

  static std::string removed(const Trouble& trouble) {
    if (trouble.handle == 0) return "nft chain " + words_of(*trouble.chain) + " '{ policy accept; }'";
    return "nft delete rule " + words_of(*trouble.chain) + " handle " + std::to_string(trouble.handle);
  }

  [[nodiscard]] std::int64_t priority_of(const char* chain) const {
    const auto* found = rules_.find("inet", system_table, chain);
    return found == nullptr ? 0 : found->priority;
  }

  const Ruleset& rules_;
  const SystemMarks& marks_;
  const Exits& exits_;
  std::set<std::pair<const NftChain*, std::int64_t>> told_;
  std::vector<Obstacle> found_;
};

}  // namespace

std::vector<Obstacle> obstacles(const Ruleset& rules, const SystemMarks& marks, const Exits& exits) {
  return Search(rules, marks, exits).run();
}

}  // namespace tfunnel::client
