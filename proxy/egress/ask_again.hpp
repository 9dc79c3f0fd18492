// The meaning of an upstream's refusal for a destination that has both a name and an address.
#pragma once

namespace tfunnel::proxy {

/// Of a flow: whether it asks an upstream once more, by the name instead of the address or the other way round. Of a
/// refusal: the narrowest of these wishes that it fulfils. An upstream may not find a name, may not reach what the name
/// leads it to, or forbid it; what is wrong with the request, its sender or the upstream itself is so under any name.
enum class AskAgain { never, if_forbidden, if_refused };

constexpr bool asks_again(AskAgain flow, AskAgain refusal) { return refusal != AskAgain::never && flow >= refusal; }

}  // namespace tfunnel::proxy
