// The far end as a part of the full program, which may do more on Linux than the proxy alone.
#pragma once

#include "proxy/preserve_source_linux.hpp"
#include "proxy/proxy_app.hpp"

namespace tfunnel::client {

struct FarEndOptions {
  proxy::ProxyOptions proxy;
  proxy::PreserveSourceOptions source;
};

/// `options` must outlive the parse.
app::po::options_description far_end_description(FarEndOptions& options);
/// The same with what both ends have: all that `tfunnel proxy` takes.
app::po::options_description far_end_description(FarEndOptions& options, app::CommonOptions& common);

/// Throws app::UsageError for what run_far_end() would not begin with: it reads the files that the options name.
void check_far_end(const FarEndOptions& options);

/// Serves the link on standard input and output until it ends.
io::ExitStatus run_far_end(const app::CommonOptions& common, const FarEndOptions& options);

}  // namespace tfunnel::client
