// The hash functions of Digest authentication. They come with OpenSSL; a build without it has none, and then
// does not speak Digest: an own MD5 or SHA-256 is nothing to maintain here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tfunnel::proxy {

enum class Hash : std::uint8_t { md5, sha256, sha512_256 };

/// In lower-case hexadecimal; nothing if this build or system (FIPS) does not have `hash`.
std::optional<std::string> hex_digest(Hash hash, std::string_view text);

}  // namespace tfunnel::proxy
