// Base64 (RFC 4648), as authentication writes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tfunnel::proxy {

std::string base64_encoded(std::string_view bytes);
/// Nothing if it is not Base64 from end to end.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace tfunnel::proxy
