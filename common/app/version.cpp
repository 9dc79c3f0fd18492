#include "common/app/version.hpp"

#include <google/protobuf/stubs/common.h>
#include <boost/version.hpp>

#include "common/core/greeting.hpp"

namespace tfunnel::app {

namespace {

/// "1.81.0" of a number in which each part has so many units.
std::string dotted(int number, int of_major, int of_minor) {
  return std::to_string(number / of_major) + "." + std::to_string(number % of_major / of_minor) + "." +
         std::to_string(number % of_minor);
}

}  // namespace

std::string version_text(const std::string& program, const std::string& commit, const std::string& tls) {
  return program + " " TFUNNEL_VERSION " (commit " + commit + ", protocol " + std::to_string(core::protocol_version) +
         ")\nwith " + tls + ", Boost " + dotted(BOOST_VERSION, 100'000, 100) + ", protobuf " +
         dotted(GOOGLE_PROTOBUF_VERSION, 1'000'000, 1000) + "\n";
}

}  // namespace tfunnel::app
