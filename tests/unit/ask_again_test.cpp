// After which refusals a destination is asked for by its address instead of its name, or the other way round.
#include "proxy/egress/ask_again.hpp"

#include <gtest/gtest.h>

#include "proxy/http/connect_dialogue.hpp"
#include "proxy/socks5/socks5_error.hpp"

namespace tfunnel::test {
namespace {

using proxy::AskAgain;
using proxy::Socks5Error;

AskAgain after_status(unsigned status) {
  proxy::Authenticator nobody(std::nullopt);
  proxy::ConnectDialogue dialogue("a.example:443", nobody);
  proxy::ResponseHead head;
  head.status = status;
  EXPECT_EQ(dialogue.on_response(head), proxy::ConnectDialogue::Next::failed) << status;
  return dialogue.asks_again();
}

TEST(AskAgain, DoubtfulNameIsNoHelpToADestinationThatIsDown) {
  EXPECT_TRUE(asks_again(AskAgain::if_refused, AskAgain::if_refused));
  EXPECT_TRUE(asks_again(AskAgain::if_refused, AskAgain::if_forbidden));
  EXPECT_TRUE(asks_again(AskAgain::if_forbidden, AskAgain::if_forbidden));
  EXPECT_FALSE(asks_again(AskAgain::if_forbidden, AskAgain::if_refused));
  for (const auto any : {AskAgain::never, AskAgain::if_forbidden, AskAgain::if_refused}) {
    EXPECT_FALSE(asks_again(AskAgain::never, any));
    EXPECT_FALSE(asks_again(any, AskAgain::never));
  }
}

TEST(AskAgain, HttpStatus) {
  EXPECT_EQ(after_status(403), AskAgain::if_forbidden);
  for (const unsigned status : {302U, 307U, 400U, 404U, 409U, 410U, 451U, 500U, 502U, 503U, 504U, 522U, 530U})
    EXPECT_EQ(after_status(status), AskAgain::if_refused) << status;
  for (const unsigned status :
       {101U, 401U, 405U, 407U, 408U, 411U, 413U, 414U, 417U, 426U, 429U, 431U, 501U, 505U, 511U})
    EXPECT_EQ(after_status(status), AskAgain::never) << status;
}

TEST(AskAgain, Socks5Answer) {
  for (const auto error : {Socks5Error::not_allowed, Socks5Error::address_type_not_supported})
    EXPECT_EQ(ask_again_after(error), AskAgain::if_forbidden);
  for (const auto error :
       {Socks5Error::general_failure, Socks5Error::network_unreachable, Socks5Error::host_unreachable,
        Socks5Error::refused, Socks5Error::ttl_expired, static_cast<Socks5Error>(99), Socks5Error::closed_early})
    EXPECT_EQ(ask_again_after(error), AskAgain::if_refused) << static_cast<int>(error);
  for (const auto error : {Socks5Error::command_not_supported, Socks5Error::not_socks5, Socks5Error::malformed_reply,
                           Socks5Error::no_acceptable_method, Socks5Error::credentials_rejected})
    EXPECT_EQ(ask_again_after(error), AskAgain::never) << static_cast<int>(error);
}

}  // namespace
}  // namespace tfunnel::test
