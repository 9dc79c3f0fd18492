// Boost.Context on ucontext, the one implementation that tells AddressSanitizer and ThreadSanitizer about
// stack switches (BOOST_USE_ASAN, BOOST_USE_TSAN; Boost.Context's manual, "Sanitizers"). The packaged library
// holds only the assembler implementation, so the one function that it would add is here.
#include <boost/context/fiber_ucontext.hpp>

namespace boost::context::detail {

fiber_activation_record*& fiber_activation_record::current() noexcept {
  thread_local fiber_activation_record main_context;
  thread_local fiber_activation_record* running = &main_context;
  return running;
}

}  // namespace boost::context::detail
