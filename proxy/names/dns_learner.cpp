#include "proxy/names/dns_learner.hpp"

#include "proxy/dns/dns_framing.hpp"
#include "proxy/names/dns_names.hpp"

namespace tfunnel::proxy {

namespace {

class Reader final : public Interceptor {
 public:
  explicit Reader(NameTable& table) : table_(table) {}

  void on_bytes(InterceptedFlow& flow, Way way, core::ByteView bytes) override {
    flow.send(way, bytes);
    if (way == Way::to_application) learn(bytes);
  }

 private:
  // A stream that is no DNS breaks the framing once, and then passes unread.
  void learn(core::ByteView bytes) {
    while (!bytes.empty() && framing_.state() == dns::Framing::State::reading) {
      bytes = bytes.subspan(framing_.feed(bytes));
      if (framing_.state() != dns::Framing::State::whole) continue;
      learn_names(table_, framing_.take(), std::chrono::steady_clock::now());
    }
  }

  NameTable& table_;
  dns::Framing framing_;
};

}  // namespace

std::unique_ptr<Interceptor> DnsLearner::intercept(const Target& target) {
  if (target.destination.port != dns::port) return nullptr;
  return std::make_unique<Reader>(table_);
}

}  // namespace tfunnel::proxy
