// POSIX moves nothing between descriptors: everything goes by the copying path.
#include "common/io/splice.hpp"

namespace tfunnel::io {

namespace {
error_code unsupported() { return asio::error::operation_not_supported; }
}  // namespace

Stage::~Stage() = default;
bool Stage::open() { return false; }
result<std::size_t> Stage::take(int /*descriptor*/, std::size_t /*most*/) { return unsupported(); }
result<std::size_t> Stage::give(int /*descriptor*/, std::size_t /*most*/) { return unsupported(); }
result<std::size_t> Stage::put(const void* /*from*/, std::size_t /*size*/) { return unsupported(); }
result<std::size_t> Stage::read(void* /*into*/, std::size_t /*most*/) { return unsupported(); }
result<std::size_t> move_bytes(int /*from*/, int /*to*/, std::size_t /*most*/) { return unsupported(); }
bool is_pipe(int /*descriptor*/) { return false; }
bool is_movable(int /*descriptor*/) { return false; }
void enlarge_pipe(int /*descriptor*/) {}

}  // namespace tfunnel::io
