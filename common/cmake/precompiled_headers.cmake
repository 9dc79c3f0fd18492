# The headers that take longer to read than the files that include them: read once for many files. Every file still
# includes what it uses; -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON shows whether it does.
set(core_headers
  <boost/coroutine2/coroutine.hpp> <boost/intrusive/list.hpp> <boost/system/result.hpp>
  <boost/unordered/unordered_flat_map.hpp> <proto/tunnel.pb.h>
  <algorithm> <array> <chrono> <deque> <functional> <memory> <optional> <span> <string> <variant> <vector>)
set(io_headers ${core_headers} <boost/asio.hpp> <boost/asio/spawn.hpp>)

# tfunnel_precompile(TARGET HEADERS...)
function(tfunnel_precompile target)
  target_precompile_headers(${target} PRIVATE ${ARGN})
  tfunnel_precompiled_options(${target})
endfunction()

# tfunnel_precompile_as(TARGET OTHER): OTHER's headers serve TARGET as well. A macro that OTHER is compiled with must
# mean the same for TARGET.
function(tfunnel_precompile_as target other)
  target_precompile_headers(${target} REUSE_FROM ${other})
  tfunnel_precompiled_options(${target})
endfunction()

function(tfunnel_precompiled_options target)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  # ccache reads what the preprocessor leaves, in which the precompiled header must be named.
  target_compile_options(${target} PRIVATE -fpch-preprocess)
  # GCC 12 warns of the standard library's own strings when they come from a precompiled header.
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endfunction()
