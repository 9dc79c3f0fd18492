#include "common/io/spare_memory.hpp"

#include <sys/mman.h>

#include <cstddef>

namespace tfunnel::io {

namespace {

// A flow takes less than 128 KiB, most of it the stack on which its connection is made.
constexpr int flows_a_question = 16;
constexpr std::size_t spare = 8U << 20;

// Address space only: no page of it is touched. Beyond the flows, enough for what refusing ten thousand others takes.
bool system_has_spare() {
  void* const probe = ::mmap(nullptr, spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) return false;
  ::munmap(probe, spare);
  return true;
}

}  // namespace

bool SpareMemory::for_a_flow() {
  if (promised_ == 0 && system_has_spare()) promised_ = flows_a_question;
  if (promised_ == 0) return false;
  --promised_;
  return true;
}

}  // namespace tfunnel::io
