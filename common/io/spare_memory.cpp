#include "common/io/spare_memory.hpp"

#include <sys/mman.h>

#include <cstddef>

namespace tfunnel::io {

// Address space only: no page of it is touched. Enough for what refusing ten thousand flows takes.
bool has_spare_memory() {
  constexpr std::size_t spare = 8U << 20;
  void* const probe = ::mmap(nullptr, spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) return false;
  ::munmap(probe, spare);
  return true;
}

}  // namespace tfunnel::io
