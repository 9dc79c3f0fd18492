// Memory that is promised before it is used.
#pragma once

#include <cstddef>

namespace tfunnel::core {

/// A share of the memory that may be used, perhaps of a larger share. It only counts; what is counted is charged by
/// objects of class Charge, which cannot forget to give back.
class MemoryPart {
 public:
  /// `whole`, if there is one, must outlive it.
  explicit MemoryPart(std::size_t cap, MemoryPart* whole = nullptr) : cap_(cap), whole_(whole) {}
  virtual ~MemoryPart() = default;
  MemoryPart(const MemoryPart&) = delete;
  MemoryPart& operator=(const MemoryPart&) = delete;

  /// False: there is no room, and nothing was taken.
  [[nodiscard]] bool take(std::size_t bytes);
  /// REQUIRES: they were taken.
  void give_back(std::size_t bytes);

  [[nodiscard]] std::size_t cap() const { return cap_; }
  [[nodiscard]] std::size_t used() const { return used_; }
  /// Bytes that can be taken without anybody giving way.
  [[nodiscard]] std::size_t free() const;

 private:
  /// Called when there is no room. Gives something back and returns true, or returns false.
  virtual bool make_room() { return false; }

  std::size_t cap_;
  std::size_t used_ = 0;
  MemoryPart* whole_;
};

/// The share of a part that one object holds: given back when this is destroyed.
class Charge {
 public:
  /// Nobody is charged.
  Charge() = default;
  /// Of nothing yet. `part` must outlive every moment at which something is charged.
  explicit Charge(MemoryPart& part) : part_(&part) {}
  ~Charge() { clear(); }
  Charge(Charge&& other) noexcept;
  Charge& operator=(Charge&& other) noexcept;
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;

  /// Makes it `bytes`. False: there is no room for that much more, and it stays as it was.
  [[nodiscard]] bool resize(std::size_t bytes);
  /// REQUIRES: bytes <= size().
  void shrink(std::size_t bytes);
  void clear() { shrink(0); }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  MemoryPart* part_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tfunnel::core
