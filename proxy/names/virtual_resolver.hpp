// A resolver for names that only an upstream proxy can resolve.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/io/log.hpp"
#include "proxy/access/no_proxy.hpp"
#include "proxy/dns/answer_patience.hpp"
#include "proxy/dns/dns_upstream.hpp"
#include "proxy/names/top_level_domains.hpp"
#include "proxy/names/virtual_names.hpp"

namespace tfunnel::proxy {

/// Stands in front of nameservers. Their answer counts, if they give one. A name for which they have nothing (a
/// refusal, trouble, silence, or that there is no such name) gets virtual addresses: A and AAAA of VirtualNames, whose
/// addresses have a PTR, and no records of any other type, so that browsers, which ask for HTTPS records, go on to A.
///
/// Whether a name has a real answer is decided for all of its types at once, by its A record: else a program that is
/// given a real IPv4 address might try a virtual IPv6 one first.
class VirtualResolver final : public DnsUpstream {
 public:
  struct Settings {
    /// That the nameservers know no such name counts as nothing (--dns virtual). False: only if they do not know its
    /// top-level domain either, and do not say which zone of theirs it is missing in.
    bool always = false;
    /// Names that do not go to the upstream proxy, whatever the port, are for the nameservers alone; null: none.
    const NoProxy* exceptions = nullptr;
    AnswerPatience::Limits patience;
    TopLevelDomains::Limits top_level;
    /// Questions that were answered without the nameservers, but may still be answered by them. Beyond that they are
    /// not even asked.
    std::size_t unheard = 256;
  };
  /// Asks the nameservers, one way or the other.
  using AskReal = std::function<void(dns::Message query, Done done)>;

  /// All that is referred to must outlive the io_context's last handler, and so must this.
  VirtualResolver(asio::io_context& context, DnsUpstream& nameservers, VirtualNames& names, Settings settings,
                  const io::Log& log);

  /// Errors: those of the nameservers, for questions that are theirs alone.
  void ask(const core::Endpoint& server, dns::Message query, Done done) override;
  void ask_again(const dns::Message& query) override { nameservers_.ask_again(query); }
  /// The same as ask(), where the nameservers are asked by `real`.
  void ask_by(const AskReal& real, dns::Message query, Done done);

  void charge_to(core::MemoryBudget& memory) override { nameservers_.charge_to(memory); }
  /// Forgets all queries: nobody waits for the answers. The nameservers still have theirs.
  void stop();

 private:
  /// A query that waits, and by whom the nameservers are asked.
  struct Question {
    Question(asio::io_context& context, std::string name_, std::uint16_t type_, dns::Message query_, Done done_,
             AskReal real_)
        : name(std::move(name_)),
          type(type_),
          query(std::move(query_)),
          done(std::move(done_)),
          real(std::move(real_)),
          timer(context) {}

    std::string name;
    std::uint16_t type;
    dns::Message query;
    Done done;  // empty once it is answered
    AskReal real;
    asio::steady_timer timer;
    core::Time asked;
    bool heard = false;  // the nameservers have answered, or failed
    /// Their answer, if it is no real one, or that they had their time; nothing before.
    std::optional<result<dns::Message>> poor;
  };
  using Asked = std::shared_ptr<Question>;
  /// All questions about a name, for as long as there are any.
  struct Inquiry {
    std::vector<Asked> questions;
    bool address_asked = false;  // one of them is for A
    bool is_real = false;        // and the nameservers' answer to that counts
  };

  void answer_reverse(const core::Address& address, std::uint16_t type, const dns::Message& query, const Done& done);
  void inquire(const AskReal& real, const std::string& name, std::uint16_t type, dns::Message query, Done done);
  void ask_nameservers(const Asked& question);
  void on_answer(const Asked& question, result<dns::Message> answer);
  void on_patience_over(const Asked& question);
  /// There is no real answer to this one.
  void on_poor(const Asked& question, result<dns::Message> answer);
  void judge(const Asked& question);
  /// The nameservers' answers count, whatever they are.
  void all_real(const std::string& name);
  void all_virtual(const std::string& name);
  void finish(const Asked& question, result<dns::Message> answer);
  void leave(const Asked& question);
  [[nodiscard]] bool is_real(const result<dns::Message>& answer, const Question& question) const;
  std::optional<VirtualNames::Addresses> assign(const std::string& name);
  [[nodiscard]] dns::Message virtual_answer(const std::optional<VirtualNames::Addresses>& addresses, std::uint16_t type,
                                            const dns::Message& query) const;

  asio::io_context& context_;
  DnsUpstream& nameservers_;
  VirtualNames& names_;
  Settings settings_;
  const io::Log& log_;
  AnswerPatience patience_;
  TopLevelDomains top_level_;
  std::map<std::string, Inquiry> inquiries_;
  std::size_t unheard_ = 0;
  bool told_ = false;
};

}  // namespace tfunnel::proxy
