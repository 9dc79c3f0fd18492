// The names of options, as people write them.
#pragma once

#include <boost/program_options.hpp>

#include <string>
#include <string_view>

namespace tfunnel::app {

namespace po = boost::program_options;

/// An option's name as it stands in the description, with what follows an =: users may write underscores for dashes.
std::string dashed(std::string text);

/// ", did you mean --linger?" for the name of an option that is not in `description`, or nothing. `dashes` stand before
/// the names that are proposed.
std::string proposal(std::string_view name, const po::options_description& description, const std::string& dashes);

}  // namespace tfunnel::app
