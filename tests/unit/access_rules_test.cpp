// Destinations that may be reached: the first rule that matches decides, and nothing slips past it under another name.
#include "proxy/access/access_rules.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "proxy/access/access_options.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using proxy::AccessRules;
using proxy::parse_rule;

/// Rules as on the command line: "+RULE" allows, "-RULE" denies.
AccessRules rules(const std::vector<std::string>& texts) {
  AccessRules rules;
  for (const auto& text : texts) rules.add(parse_rule(text[0] == '+', text.substr(1)));
  return rules;
}

bool allows(const std::vector<std::string>& texts, const std::string& address, std::uint16_t port = 80) {
  return rules(texts).decide(endpoint(address, port)).allowed;
}

std::string fault_of(const std::string& text) {
  try {
    parse_rule(true, text);
  } catch (const std::invalid_argument& fault) {
    return fault.what();
  }
  return {};
}

TEST(AccessRules, WithoutRulesOrdinaryDestinationsAreAllowed) {
  for (const auto* address : {"192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1"}) EXPECT_TRUE(allows({}, address));
}

TEST(AccessRules, FirstMatchDecidesWhateverComesLater) {
  EXPECT_FALSE(allows({"-10.1.0.0/16", "+10.0.0.0/8"}, "10.1.2.3"));
  EXPECT_TRUE(allows({"+10.0.0.0/8", "-10.1.0.0/16"}, "10.1.2.3"));
  EXPECT_TRUE(allows({"-10.1.0.0/16", "+10.0.0.0/8"}, "10.2.2.3"));
}

TEST(AccessRules, AnyAllowTurnsTheRestIntoDenied) {
  EXPECT_FALSE(allows({"+10.0.0.0/8"}, "192.0.2.1"));
  EXPECT_FALSE(allows({"+10.0.0.0/8"}, "2001:db8::1"));
  EXPECT_TRUE(allows({"-10.0.0.0/8"}, "192.0.2.1"));
}

TEST(AccessRules, PortsLimitARule) {
  const std::vector<std::string> web{"+10.0.0.0/8:80,443,8000-8100"};
  for (const std::uint16_t port : {80, 443, 8000, 8050, 8100}) EXPECT_TRUE(allows(web, "10.0.0.1", port)) << port;
  for (const std::uint16_t port : {79, 81, 442, 7999, 8101, 0}) EXPECT_FALSE(allows(web, "10.0.0.1", port)) << port;
  EXPECT_FALSE(allows({"-*:22"}, "2001:db8::1", 22));
  EXPECT_TRUE(allows({"-*:22"}, "2001:db8::1", 23));
}

TEST(AccessRules, PrefixesEndBetweenBytesToo) {
  EXPECT_TRUE(allows({"+172.16.0.0/12"}, "172.31.255.255"));
  EXPECT_FALSE(allows({"+172.16.0.0/12"}, "172.32.0.0"));
  EXPECT_TRUE(allows({"+[2001:db8::/33]:443"}, "2001:db8:7fff::1", 443));
  EXPECT_FALSE(allows({"+[2001:db8::/33]:443"}, "2001:db8:8000::1", 443));
  EXPECT_TRUE(allows({"+192.0.2.1"}, "192.0.2.1"));
  EXPECT_FALSE(allows({"+192.0.2.1"}, "192.0.2.2"));
}

TEST(AccessRules, AllOfOneFamilyIsNotAllOfTheOther) {
  EXPECT_FALSE(allows({"+::/0"}, "192.0.2.1"));
  EXPECT_FALSE(allows({"+0.0.0.0/0"}, "2001:db8::1"));
  EXPECT_TRUE(allows({"+0.0.0.0/0"}, "192.0.2.1"));
  EXPECT_TRUE(allows({"+::/0"}, "2001:db8::1"));
  EXPECT_TRUE(allows({"+*"}, "2001:db8::1") && allows({"+*"}, "192.0.2.1"));
}

TEST(AccessRules, MappedAddressesAreTheirIpv4Address) {
  EXPECT_FALSE(allows({"-10.0.0.0/8"}, "::ffff:10.1.2.3"));
  EXPECT_FALSE(allows({}, "::ffff:127.0.0.1"));
  EXPECT_FALSE(allows({"-::ffff:10.0.0.0/104"}, "10.1.2.3"));
  // As 16 bytes off the link.
  const auto wire = core::Address::from_wire(std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\2\3", 16));
  EXPECT_FALSE(rules({"-10.0.0.0/8"}).decide({*wire, 80}).allowed);
}

TEST(AccessRules, EmbeddedAddressesDoNotBypassADenial) {
  for (const auto* address :
       {"::10.1.2.3", "::ffff:0:10.1.2.3", "2002:a01:203::1", "64:ff9b::10.1.2.3", "64:ff9b:1::10.1.2.3"}) {
    EXPECT_FALSE(allows({"-10.0.0.0/8"}, address)) << address;
    EXPECT_TRUE(allows({"-10.2.0.0/16"}, address)) << address;
    EXPECT_FALSE(allows({"+10.0.0.0/8"}, address)) << "a permission is for the address that it names: " << address;
  }
  for (const auto* address : {"::127.0.0.1", "64:ff9b::169.254.169.254", "2002:7f00:1::1"}) {
    EXPECT_FALSE(allows({}, address)) << address;
    EXPECT_FALSE(allows({"+*"}, address)) << address;
  }
}

TEST(AccessRules, LoopbackOfTheFarHostIsDeniedUnlessNamed) {
  for (const auto* address : {"127.0.0.1", "127.9.8.7", "::1", "0.0.0.0", "0.0.0.1", "::"}) {
    EXPECT_FALSE(allows({}, address)) << address;
    EXPECT_FALSE(allows({"+*"}, address)) << address;
    EXPECT_FALSE(allows({"+0.0.0.0/0", "+::/0"}, address)) << address;
    EXPECT_TRUE(allows({std::string("+") + address}, address)) << address;
  }
  EXPECT_TRUE(allows({"+127.0.0.0/8:8080"}, "127.0.0.1", 8080));
  EXPECT_FALSE(allows({"+127.0.0.0/8:8080"}, "127.0.0.1", 8081));
}

TEST(AccessRules, LinkLocalAndMetadataAreDeniedUnlessNamed) {
  for (const auto* address : {"169.254.169.254", "169.254.0.1", "fe80::1", "febf::1", "fd00:ec2::254",
                              "100.100.100.200", "168.63.129.16", "fd20:ce::254"}) {
    EXPECT_FALSE(allows({}, address)) << address;
    EXPECT_FALSE(allows({"+*"}, address)) << address;
    EXPECT_TRUE(allows({std::string("+") + address, "+*"}, address)) << address;
  }
  EXPECT_FALSE(allows({"+100.64.0.0/10"}, "100.100.100.200")) << "a wider network does not mean it";
  EXPECT_TRUE(allows({"+100.64.0.0/10"}, "100.100.100.201"));
  EXPECT_FALSE(allows({"-169.254.169.254", "+169.254.0.0/16"}, "169.254.169.254"));
}

TEST(AccessRules, MetadataNamesAreDeniedLikeTheirAddresses) {
  const auto allows_name = [](const std::vector<std::string>& texts, std::string_view name, std::uint16_t port = 80) {
    return rules(texts).decide(name, port).allowed;
  };
  for (const auto* name : {"metadata.google.internal", "MetaData.Google.Internal.", "instance-data.ec2.internal",
                           "metadata.azure.internal", "169.254.169.254", "fd00:ec2::254", "127.0.0.1", "::1"}) {
    EXPECT_FALSE(allows_name({}, name)) << name;
    EXPECT_FALSE(allows_name({"+*"}, name)) << name;
    EXPECT_TRUE(allows_name({"+169.254.169.254", "+fd20:ce::254", "+fd00:ec2::254", "+127.0.0.1", "+::1"}, name));
    EXPECT_FALSE(allows_name({"+169.254.169.254:81", "+*"}, name)) << name;
  }
  for (const auto* name : {"www.example.com", "192.0.2.1", "metadata.example"}) EXPECT_TRUE(allows_name({}, name));
  EXPECT_FALSE(allows_name({"-192.0.2.0/24"}, "192.0.2.1")) << "an address given as a name is an address";
  EXPECT_EQ(rules({}).decide("metadata.google.internal", 80).why,
            "metadata.google.internal is 169.254.169.254: no --allow names this link-local address");
}

TEST(AccessRules, TheRuleThatDeniesIsNamed) {
  EXPECT_EQ(rules({"-10.0.0.0/8:22"}).decide(endpoint("10.1.1.1", 22)).why, "--deny 10.0.0.0/8:22");
  EXPECT_EQ(rules({"+10.0.0.0/8"}).decide(endpoint("11.1.1.1", 22)).why, "no --allow matches");
  EXPECT_EQ(rules({}).decide(endpoint("127.0.0.1", 22)).why, "no --allow names this loopback address");
  EXPECT_EQ(rules({}).decide(endpoint("fd00:ec2::254", 80)).why, "no --allow names this cloud metadata address");
}

TEST(AccessRules, WhatIsNotUnderstoodForCertainIsRefused) {
  for (const auto* text : {"",
                           "example.org",
                           "10.0.0.0/33",
                           "10.0.0.0/-1",
                           "10.0.0.0/8x",
                           "10.0.0.0/",
                           "10.0.0.1/8",
                           "10.0.0.0/8:",
                           "10.0.0.0/8:0",
                           "10.0.0.0/8:65536",
                           "10.0.0.0/8:80,",
                           "10.0.0.0/8:90-80",
                           "10.0.0.0/8:http",
                           "10.0.0.0/8: 80",
                           "10.0.0.0/8:80-",
                           "2001:db8::/129",
                           "2001:db8::/32:443",
                           "[2001:db8::]/32:443",
                           "[2001:db8::/32",
                           "[]:80",
                           "/8",
                           "*:",
                           "**",
                           ":80",
                           "::ffff:10.0.0.0/8",
                           "010.0.0.1",
                           "10.1",
                           "2001:db8::1/64",
                           "fe80::1%eth0"}) {
    EXPECT_NE(fault_of(text), "") << "'" << text << "' was taken";
  }
}

TEST(AccessRules, EveryDocumentedFormIsRead) {
  for (const auto* text :
       {"*", "*:22", "10.0.0.0/8:80,443,8000-8100", "192.0.2.1", "192.0.2.1:53", "[2001:db8::/32]:443", "2001:db8::/32",
        "2001:db8::1", "[2001:db8::1]", "[10.0.0.0/8]:80", "0.0.0.0/0", "::/0"}) {
    EXPECT_EQ(fault_of(text), "") << text;
  }
}

TEST(AccessRules, FaultSaysWhatIsMeant) {
  EXPECT_NE(fault_of("10.1.2.3/8").find("10.0.0.0/8"), std::string::npos);
  EXPECT_NE(fault_of("2001:db8::/32:443").find("[NETWORK]:PORTS"), std::string::npos);
}

proxy::AccessOptions parsed_rules(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "tfunnel");
  proxy::AccessOptions options;
  const auto description = proxy::access_description(options);
  app::parse(arguments, description);
  return options;
}

TEST(AccessOptions, OrderOfBothKindsIsKept) {
  const auto allowed = [](std::vector<const char*> arguments) {
    return parsed_rules(std::move(arguments)).rules.decide(endpoint("10.1.2.3", 80)).allowed;
  };
  EXPECT_FALSE(allowed({"--deny", "10.1.0.0/16", "--allow", "10.0.0.0/8"}));
  EXPECT_TRUE(allowed({"--allow", "10.0.0.0/8", "--deny", "10.1.0.0/16"}));
  EXPECT_TRUE(allowed({"--deny=10.9.0.0/16", "--allow=10.1.0.0/16", "--deny=10.0.0.0/8"}));
}

TEST(AccessOptions, BadRulesAndAddressesAreUsageErrorsInOneLine) {
  for (const auto& arguments : std::vector<std::vector<const char*>>{{"--allow", "example.org"},
                                                                     {"--deny", "10.0.0.0/99"},
                                                                     {"--allow"},
                                                                     {"--far-loopback-address", "127.0.0.1"},
                                                                     {"--far-loopback-address", "x"},
                                                                     {"--far-loopback-address", "169.254.1.1"}}) {
    try {
      parsed_rules(arguments);
      ADD_FAILURE() << arguments[0] << " was taken";
    } catch (const app::UsageError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    }
  }
}

TEST(Gate, VirtualAddressIsTheLoopbackOnlyIfOffered) {
  const auto off = parsed_rules({}).gate().admit(endpoint("198.18.0.1", 80));
  EXPECT_FALSE(off.allowed);
  EXPECT_NE(off.why.find("--far-loopback"), std::string::npos);
  const auto gate = parsed_rules({"--far-loopback"}).gate();
  for (const auto& [shown, real] : {std::pair("198.18.0.1", "127.0.0.1"), std::pair("2001:2::1", "::1")}) {
    const auto admission = gate.admit(endpoint(shown, 80));
    EXPECT_TRUE(admission.allowed && admission.to_loopback) << admission.why;
    EXPECT_EQ(admission.endpoint, endpoint(real, 80));
    EXPECT_EQ(gate.shown(endpoint(real, 80)), endpoint(shown, 80));
    EXPECT_FALSE(gate.admit(endpoint(real, 80)).allowed) << "the real address is still denied";
  }
}

TEST(Gate, RulesHoldForTheVirtualAddressUnderBothNames) {
  const auto admits = [](std::vector<const char*> arguments, std::uint16_t port) {
    arguments.push_back("--far-loopback");
    return parsed_rules(std::move(arguments)).gate().admit(endpoint("198.18.0.1", port)).allowed;
  };
  EXPECT_FALSE(admits({"--deny", "127.0.0.1:6379"}, 6379));
  EXPECT_TRUE(admits({"--deny", "127.0.0.1:6379"}, 6380));
  EXPECT_FALSE(admits({"--deny", "198.18.0.1:25"}, 25));
  EXPECT_TRUE(admits({"--allow", "198.18.0.1:80"}, 80));
  EXPECT_FALSE(admits({"--allow", "198.18.0.1:80"}, 81));
}

TEST(Gate, VirtualAddressCanBeChangedInEachFamily) {
  const auto gate =
      parsed_rules({"--far-loopback", "--far-loopback-address", "10.99.0.1", "--far-loopback-address", "fd99::1"})
          .gate();
  EXPECT_EQ(gate.admit(endpoint("10.99.0.1", 1)).endpoint, endpoint("127.0.0.1", 1));
  EXPECT_EQ(gate.admit(endpoint("fd99::1", 1)).endpoint, endpoint("::1", 1));
  EXPECT_FALSE(gate.admit(endpoint("198.18.0.1", 1)).to_loopback);
}

TEST(Gate, RulesForOthersDoNotTakeTheirNamesAway) {
  const auto admits = [](std::vector<const char*> arguments, const char* address, std::uint16_t port = 53) {
    const std::set resolver{*core::Address::parse("198.18.0.53"), *core::Address::parse("169.254.1.1")};
    return parsed_rules(std::move(arguments)).gate(resolver).admit(endpoint(address, port)).allowed;
  };
  EXPECT_TRUE(admits({"--allow", "10.0.0.0/8"}, "198.18.0.53"));
  EXPECT_FALSE(admits({"--allow", "10.0.0.0/8"}, "198.18.0.53", 853)) << "there is nothing but names";
  EXPECT_FALSE(admits({"--allow", "10.0.0.0/8"}, "198.18.0.54"));
  EXPECT_TRUE(admits({}, "169.254.1.1")) << "it is no host's address";
  EXPECT_FALSE(admits({}, "169.254.1.1", 80));
  EXPECT_FALSE(admits({"--deny", "198.18.0.53"}, "198.18.0.53"));
  EXPECT_FALSE(admits({"--allow", "10.0.0.0/8", "--deny", "*:53"}, "198.18.0.53"));
  EXPECT_TRUE(admits({"--allow", "*:53", "--deny", "*"}, "198.18.0.53"));
  EXPECT_TRUE(admits({"--deny", "198.18.0.53:54"}, "198.18.0.53"));
}

TEST(Gate, DeniedStrangersAreNotHeard) {
  const auto gate = parsed_rules({"--allow", "10.0.0.0/8"}).gate();
  EXPECT_FALSE(gate.shown(endpoint("192.0.2.1", 5)));
  EXPECT_EQ(gate.shown(endpoint("10.0.0.1", 5)), endpoint("10.0.0.1", 5));
}

}  // namespace
}  // namespace tfunnel::test
