// The file that --config names.
#pragma once

#include <boost/program_options.hpp>

#include <string>

namespace tfunnel::app {

namespace po = boost::program_options;

/// Adds the options in the file at `path` to `values`, which have the command line's: these win, but for options that
/// may be repeated. Throws UsageError of the status `bad_config`, which names the file and the line.
void read_config_file(const std::string& path, const po::options_description& description, po::variables_map& values);

}  // namespace tfunnel::app
