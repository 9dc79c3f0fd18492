// Where this program comes from.
#pragma once

namespace tfunnel::app {

/// The commit that was built, shortened, or "unknown". Only the programs themselves link it: what else is built does
/// not change with each commit.
const char* commit();

}  // namespace tfunnel::app
