#include "proxy/lookup/name_answer.hpp"

#include <string>

namespace tfunnel::proxy {

namespace {

const char* text_of(NameError error) {
  switch (error) {
    case NameError::not_found: return "there is no such name";
    case NameError::no_address: return "it has no address";
    case NameError::no_answer: return "no nameserver answers";
    case NameError::no_server: return "no nameserver can be reached";
    case NameError::failed: return "the nameserver fails";
  }
  return "unknown error";
}

class NameCategory final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tfunnel.name"; }
  [[nodiscard]] std::string message(int value) const override { return text_of(static_cast<NameError>(value)); }
};

}  // namespace

boost::system::error_code make_error_code(NameError error) {
  static const NameCategory category;
  return {static_cast<int>(error), category};
}

bool is_name_error(const boost::system::error_code& error) {
  return error.category() == make_error_code(NameError::failed).category();
}

}  // namespace tfunnel::proxy
