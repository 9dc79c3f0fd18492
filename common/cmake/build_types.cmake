# Build types: Release (the default), Debug, Asan (address and undefined behaviour), Tsan.
# Chosen with -DCMAKE_BUILD_TYPE=...; each wants a build folder of its own.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, Asan or Tsan" FORCE)
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_CXX_FLAGS_ASAN
  "-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all")
set(CMAKE_CXX_FLAGS_TSAN "-g -O1 -fsanitize=thread")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # It does not know fences, which Asio has; none of ours is between threads.
  string(APPEND CMAKE_CXX_FLAGS_TSAN " -Wno-tsan")
endif()
set(CMAKE_EXE_LINKER_FLAGS_ASAN "-fsanitize=address,undefined")
set(CMAKE_EXE_LINKER_FLAGS_TSAN "-fsanitize=thread")

# Where several files are compiled at a time, what one names may be hidden in the next one, and GCC sees so much at once
# that it takes members of an empty std::optional for uninitialized ones.
if(CMAKE_UNITY_BUILD)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(more_warnings -Wno-maybe-uninitialized)
  endif()
else()
  set(more_warnings -Wshadow)
endif()
# One place for what every target of ours is compiled with; third-party and generated code is not.
add_library(tfunnel_warnings INTERFACE)
target_compile_options(tfunnel_warnings INTERFACE
  -Wall -Wextra -Wpedantic ${more_warnings} -Woverloaded-virtual -Wimplicit-fallthrough
  $<$<BOOL:${WARNINGS_AS_ERRORS}>:-Werror>)

# tfunnel_unity_by_folder(TARGET): with CMAKE_UNITY_BUILD, the files of one folder are compiled at a time, and no two of
# them may give one name to two things.
function(tfunnel_unity_by_folder target)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    get_filename_component(folder ${source} DIRECTORY)
    set_property(SOURCE ${source} PROPERTY UNITY_GROUP "${target}_${folder}")
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
endfunction()
