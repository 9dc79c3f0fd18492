// The search says the same whether the bytes come at once or one by one.
#include <cstdlib>

#include "common/core/greeting.hpp"

using namespace tfunnel::core;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr auto searching = GreetingSearch::Verdict::searching;
  const ByteView bytes(data, size);
  GreetingSearch whole;
  const auto taken = whole.feed(bytes);
  GreetingSearch pieces;
  std::size_t at = 0;
  while (at < size && pieces.verdict() == searching) at += pieces.feed(bytes.subspan(at, 1));
  if (at != taken || pieces.verdict() != whole.verdict() || pieces.noise() != whole.noise()) std::abort();
  if (whole.verdict() == GreetingSearch::Verdict::found && taken != whole.noise().size() + 16) std::abort();
  static_cast<void>(printable(whole.noise()));
  return 0;
}
