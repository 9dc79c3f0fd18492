// What the kernel tells of changes of the packet filter (nfnetlink, NFNLGRP_NFTABLES). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tfunnel::client {

/// Every transaction is told: what it changed, and then the number of the generation that it made.
class RulesEvents {
 public:
  /// Only of changes to this table.
  explicit RulesEvents(std::string table) : table_(std::move(table)) {}

  /// Changes up to this generation are known.
  void ignore_until(std::uint32_t generation) { known_ = generation; }
  /// `messages` as received. True: somebody changed the table, and it was not known.
  bool changed(std::span<const std::byte> messages);

 private:
  std::string table_;
  std::uint32_t known_ = 0;
  bool touched_ = false;  // by the transaction whose number has not come yet
};

}  // namespace tfunnel::client
