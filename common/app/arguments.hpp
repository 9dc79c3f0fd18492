// The command line. Secrets that other users of the machine must not see are taken out of its original place.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace tfunnel::app {

/// A copy of main()'s arguments to parse; in the originals, which ps(1) shows, the credentials of URLs (the part
/// before an @) are overwritten. To be made first in main(): until then they can be seen. Nothing behind "--" is
/// touched.
class Arguments {
 public:
  Arguments(int argc, char** argv);

  /// Valid as long as this lives.
  [[nodiscard]] std::span<const char* const> words() const { return pointers_; }

 private:
  std::vector<std::string> copies_;
  std::vector<const char*> pointers_;
};

/// Overwrites the credentials in one argument ("--x=http://user:password@host", "user:password@host") with
/// dashes; the length stays.
void hide_credentials(char* argument);

}  // namespace tfunnel::app
