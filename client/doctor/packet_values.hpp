// What rules compare a packet with, in the words of libnftables-json(5). Pure.
#pragma once

#include <boost/json/value.hpp>

#include "client/doctor/specimen.hpp"

namespace tfunnel::client {

enum class Truth { no, maybe, yes };

/// Does the packet meet a `match` statement?
Truth meets(const Specimen& packet, const boost::json::object& match);

/// The number that an expression has for the packet, for example its mark in `meta mark | 0x80`.
std::optional<std::uint32_t> number_of(const Specimen& packet, const boost::json::value& expression);

}  // namespace tfunnel::client
