#include "proxy/lookup/address_race.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>

#include <cassert>

namespace tfunnel::proxy {

namespace {

namespace errc = boost::system::errc;

bool tells_of_host(const boost::system::error_code& error) {
  return error != errc::network_unreachable && error != errc::address_family_not_supported &&
         error != errc::address_not_available;
}

}  // namespace

std::optional<std::size_t> AddressRace::next(core::Time now) {
  if (started_ == count_ || now < due_) return std::nullopt;
  const auto index = started_++;
  due_ = now + (started_ - failures_ < most_open ? delay : crowded_delay);
  return index;
}

std::optional<core::Time> AddressRace::due() const {
  if (started_ == count_) return std::nullopt;
  return due_;
}

void AddressRace::given_up() {
  assert(failures_ < started_);
  ++failures_;
  if (!error_ || !tells_of_host(error_)) error_ = boost::asio::error::timed_out;
}

void AddressRace::failed(boost::system::error_code error) {
  assert(failures_ < started_);
  ++failures_;
  due_ = {};
  if (!error_ || (!tells_of_host(error_) && tells_of_host(error))) error_ = error;
}

}  // namespace tfunnel::proxy
