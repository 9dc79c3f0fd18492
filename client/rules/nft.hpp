// nftables, by libnftables.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/io/asio.hpp"

struct nft_ctx;

namespace tfunnel::client {

/// A connection to the packet filter of this network namespace. Tables with the flag `owner` that it makes go with it,
/// and nobody else may change them.
class Nft {
 public:
  /// Never throws: run() says what was wrong.
  Nft();
  ~Nft();
  Nft(const Nft&) = delete;
  Nft& operator=(const Nft&) = delete;

  /// nft(8) input, in one transaction: all of it or nothing. Returns what was wrong with it.
  [[nodiscard]] std::optional<std::string> run(const std::string& input);
  /// The same without changing anything: would the kernel take it?
  [[nodiscard]] std::optional<std::string> check(const std::string& input);

 private:
  std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> context_;
  bool is_permitted_;
};

/// Is there such a table, of the family inet? False also if we may not look.
bool is_there(const char* table);

/// The number of the last transaction in this network namespace; none if the kernel does not say. `error`: the
/// kernel's.
std::optional<std::uint32_t> generation(error_code& error);

/// Throws boost::system::system_error if `fault`, from an Nft, is a want of permission; else app::UsageError, which
/// says `what` went wrong.
[[noreturn]] void fail_with(const std::string& fault, const std::string& what);

/// What may be missing where rules that capture are refused.
inline constexpr const char* no_capture_rules =
    "the kernel takes no nftables rules with TPROXY (nft_tproxy, nft_fib_inet, nft_socket, nft_reject_inet, nft_ct, "
    "nft_chain_nat)";

}  // namespace tfunnel::client
