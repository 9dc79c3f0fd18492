// A response is the same whether a proxy's bytes come at once or one by one, and none too many is taken.
#include <cstdlib>

#include "common/core/wire.hpp"
#include "proxy/http/http_response.hpp"

using namespace tfunnel;
using namespace tfunnel::proxy;

namespace {

struct Outcome {
  std::size_t head = 0;
  bool broken = false;
  ResponseHead facts;
  bool keeps = false;
  bool body_broken = false;
  bool body_done = false;
};

/// All that is kept is bounded, however much came.
void check_bounds(const HttpResponse& response) {
  if (response.raw().size() > 256 || response.head().phrase.size() > 600) std::abort();
}

Outcome run(std::string_view bytes, std::size_t piece) {
  HttpResponse response;
  Outcome outcome;
  while (!response.head_done() && outcome.head < bytes.size()) {
    const auto part = bytes.substr(outcome.head, piece);
    const auto used = response.take_head(part);
    outcome.broken = !used;
    if (!used) return outcome;
    if (*used > part.size() || (*used < part.size() && !response.head_done())) std::abort();
    outcome.head += *used;
  }
  check_bounds(response);
  if (!response.head_done()) return outcome;
  outcome.facts = response.head();
  outcome.keeps = response.keeps_connection();
  for (auto at = outcome.head; outcome.keeps && !outcome.body_broken && at < bytes.size(); at += piece) {
    outcome.body_broken = static_cast<bool>(response.take_body(bytes.substr(at, piece)));
    if (bytes.size() - at <= piece) break;
  }
  outcome.body_done = response.body_done();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = run(bytes, size + 1);
  const auto pieces = run(bytes, 1);
  if (whole.broken != pieces.broken) std::abort();
  if (whole.broken) return 0;
  const bool same = whole.head == pieces.head && whole.facts.status == pieces.facts.status &&
                    whole.facts.phrase == pieces.facts.phrase && whole.facts.detail == pieces.facts.detail &&
                    whole.facts.challenges.size() == pieces.facts.challenges.size() && whole.keeps == pieces.keeps &&
                    whole.body_broken == pieces.body_broken && whole.body_done == pieces.body_done;
  if (!same) std::abort();
  return 0;
}
