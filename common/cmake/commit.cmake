# Writes OUTPUT, a source file that knows which commit of SOURCE is built. Run by the build, with -P. The file is left as
# it is if it says so already, so that nothing is compiled anew.
set(commit unknown)
# A folder without a repository of its own may lie in somebody else's.
set(told)
if(GIT)
  execute_process(COMMAND "${GIT}" -C "${SOURCE}" rev-parse --show-prefix HEAD OUTPUT_VARIABLE told ERROR_QUIET)
endif()
if(told MATCHES "^\n([0-9a-f]+)")
  string(SUBSTRING "${CMAKE_MATCH_1}" 0 12 commit)
endif()
set(text "#include \"common/app/commit.hpp\"\n\nnamespace tfunnel::app {\n\nconst char* commit() { return \"${commit}\"; }\n\n}\n")
set(old)
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" old)
endif()
if(NOT text STREQUAL old)
  file(WRITE "${OUTPUT}" "${text}")
endif()
