// Where look-ups go.
#pragma once

#include <functional>
#include <string>

#include "proxy/lookup/name_answer.hpp"

namespace tfunnel::proxy {

class NameSource {
 public:
  using Done = std::function<void(NameAnswer)>;

  NameSource() = default;
  NameSource(const NameSource&) = delete;
  NameSource& operator=(const NameSource&) = delete;
  virtual ~NameSource() = default;

  /// `done` is called once, out of the event loop and never before this has returned; not at all after stop(), or the
  /// source's end.
  virtual void ask(const std::string& name, Done done) = 0;
  /// Drops what is being looked up, for good: nothing of it is left in the event loop but cancelled waits.
  virtual void stop() = 0;
  /// Have the files changed that say who is asked? True once for each change; they may be looked at now and then only.
  virtual bool has_changed(core::Time /*now*/) { return false; }
};

}  // namespace tfunnel::proxy
