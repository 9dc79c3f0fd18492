// Boost.JSON compiled once, here, so that no library beyond the required ones must be linked.
#include <boost/json/src.hpp>
