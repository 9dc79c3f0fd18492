// Boost.Asio compiled once, here (BOOST_ASIO_SEPARATE_COMPILATION): every other file builds faster.
#include <boost/asio/impl/src.hpp>
