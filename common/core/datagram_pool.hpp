// The memory that all queues of datagrams share.
#pragma once

#include <boost/intrusive/list.hpp>

#include <array>

#include "common/core/memory_part.hpp"

namespace tfunnel::core {

/// When it is used up, the holder of most gives way: so a flow that is flooded loses its own datagrams, and not those
/// of another, and a new flow always finds room.
class DatagramPool final : public MemoryPart {
 public:
  explicit DatagramPool(std::size_t cap) : MemoryPart(cap) {}

  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  /// A holder of something that can be dropped. Leaves the pool by itself when it is destroyed.
  class Member : public Hook {
   public:
    Member() = default;
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

   protected:
    ~Member() = default;

   private:
    friend class DatagramPool;
    /// Drops its oldest datagram, and tells the pool its new size. REQUIRES: it holds one.
    virtual void give_way() = 0;
    std::size_t size_class_ = 0;
  };

  /// `member` holds `bytes` now; 0: it leaves the pool.
  void resized(Member& member, std::size_t bytes);

 private:
  bool make_room() override;

  // Four classes for each power of two: the sizes in one differ by a fifth at most.
  static constexpr std::size_t classes = 64 * 4;
  static std::size_t class_of(std::size_t bytes);

  using Members =
      boost::intrusive::list<Member, boost::intrusive::base_hook<Hook>, boost::intrusive::constant_time_size<false>>;
  std::array<Members, classes> by_size_;
  std::size_t highest_ = 0;  // no member stands in a class above
};

}  // namespace tfunnel::core
