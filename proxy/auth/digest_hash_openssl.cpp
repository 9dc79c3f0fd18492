#include <openssl/evp.h>

#include <array>

#include "proxy/auth/digest_hash.hpp"

namespace tfunnel::proxy {

std::optional<std::string> hex_digest(Hash hash, std::string_view text) {
  const auto* type = hash == Hash::md5 ? EVP_md5() : hash == Hash::sha256 ? EVP_sha256() : EVP_sha512_256();
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, type, nullptr) != 1) return std::nullopt;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += digits[digest[i] >> 4];
    hex += digits[digest[i] & 15];
  }
  return hex;
}

}  // namespace tfunnel::proxy
