// The far end as a part of the full program, which may do more on Linux than the proxy alone.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "proxy/preserve_source_linux.hpp"
#include "proxy/proxy_app.hpp"

namespace tfunnel::client {

struct FarEndOptions {
  proxy::ProxyOptions proxy;
  proxy::PreserveSourceOptions source;
  std::uint32_t egress_mark = 0;  // 0: none
};

/// `options` must outlive the parse.
app::po::options_description far_end_description(FarEndOptions& options);
/// The same with what both ends have: all that `tfunnel proxy` takes.
app::po::options_description far_end_description(FarEndOptions& options, app::CommonOptions& common);

/// Throws app::UsageError for what run_far_end() would not begin with: it reads the files that the options name.
void check_far_end(const FarEndOptions& options);

/// For a near end with a --via: throws app::UsageError if an option of the far end is among `given`, but for the one
/// that the near end has as well.
void refuse_for_near_end(const std::set<std::string>& given, std::string_view but = {});

/// Serves the link on standard input and output until it ends.
io::ExitStatus run_far_end(const app::CommonOptions& common, const FarEndOptions& options);

}  // namespace tfunnel::client
