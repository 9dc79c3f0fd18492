// The name that an upstream is asked for: the flow's own before a learnt_name one, and never a doubtful one.
#include "proxy/names/namer.hpp"

#include <gtest/gtest.h>

#include "proxy/access/metadata_names.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::Finding;
using core::Sniffed;
using Known = std::optional<proxy::NameTable::Known>;

const Finding own{Sniffed::found, "own.example"};
const Known learnt_name{{"learnt_name.example", false}};
const Known shared{{"learnt_name.example", true}};

/// "first, then second", an address as "-".
std::string choice(const Finding& said, const Known& known, bool always = false) {
  const auto text = [](const std::string& name) { return name.empty() ? "-" : name; };
  const auto naming = proxy::choose_name(said, known, always);
  return text(naming.first) + (naming.second ? ", then " + text(*naming.second) : "");
}

TEST(Naming, OwnNameCountsMoreThanWhatDnsSaid) {
  for (const auto& known : {Known(), learnt_name, shared}) EXPECT_EQ(choice(own, known), "own.example, then -");
}

TEST(Naming, LearntNameServesAFlowThatSaysNone) {
  for (const auto verdict : {Sniffed::searching, Sniffed::none}) {
    EXPECT_EQ(choice({verdict, {}}, {}), "-");
    EXPECT_EQ(choice({verdict, {}}, learnt_name), "learnt_name.example, then -");
  }
}

TEST(Naming, DoubtfulNameComesAfterTheAddress) {
  EXPECT_EQ(choice({Sniffed::none, {}}, shared), "-, then learnt_name.example") << "the other name may be the true one";
  EXPECT_TRUE(proxy::choose_name({Sniffed::none, {}}, shared, false).doubtful);
  EXPECT_FALSE(proxy::choose_name({Sniffed::none, {}}, learnt_name, false).doubtful);
}

TEST(Naming, ApplicationThatMeansTheAddressGetsIt) {
  for (const auto& known : {Known(), learnt_name, shared}) EXPECT_EQ(choice({Sniffed::address, {}}, known), "-");
}

TEST(Naming, AlwaysAsksForNoAddress) {
  EXPECT_EQ(choice(own, learnt_name, true), "own.example");
  EXPECT_EQ(choice({Sniffed::none, {}}, shared, true), "learnt_name.example");
  EXPECT_EQ(choice({Sniffed::address, {}}, learnt_name, true), "learnt_name.example");
  EXPECT_EQ(choice({Sniffed::none, {}}, {}, true), "-") << "which the namer refuses";
}

class Memory : public testing::Test {
 protected:
  [[nodiscard]] std::string arranged(const proxy::Naming& asked, core::Time now) const {
    return memory.arranged(destination, asked, now).first;
  }
  const core::Endpoint destination = endpoint("192.0.2.1", 443);
  const core::Time start{std::chrono::hours(1)};
  const proxy::Naming naming{"alias.example", ""};
  proxy::NamingMemory memory;
};

TEST_F(Memory, WhatWorkedComesFirstForSomeTime) {
  EXPECT_EQ(arranged(naming, start), "alias.example");
  memory.second_worked(destination, naming, start);
  EXPECT_EQ(memory.arranged(destination, naming, start), (proxy::Naming{"", "alias.example"}));
  EXPECT_EQ(arranged({"other.example", ""}, start), "other.example");
  EXPECT_EQ(memory.arranged(endpoint("192.0.2.1", 80), naming, start), naming);
  EXPECT_EQ(arranged({"alias.example"}, start), "alias.example") << "of names only";
  EXPECT_EQ(arranged(naming, start + proxy::NamingMemory::lasts), "alias.example");
}

TEST_F(Memory, ChangeOfMindIsForgottenAtOnce) {
  memory.second_worked(destination, naming, start);
  memory.second_worked(destination, {"", "alias.example"}, start);
  EXPECT_EQ(memory.arranged(destination, naming, start), naming);
}

TEST_F(Memory, DoubtfulNameStaysBehindTheAddress) {
  const proxy::Naming doubtful{"", "learnt_name.example", true};
  memory.second_worked(destination, doubtful, start);
  EXPECT_EQ(memory.arranged(destination, doubtful, start), doubtful);
}

TEST_F(Memory, IsBounded) {
  for (std::size_t i = 0; i < 2 * proxy::NamingMemory::most; ++i)
    memory.second_worked(destination, {std::to_string(i) + ".example", ""}, start);
  std::size_t known = 0;
  for (std::size_t i = 0; i < 2 * proxy::NamingMemory::most; ++i)
    known += arranged({std::to_string(i) + ".example", ""}, start).empty() ? 1 : 0;
  EXPECT_EQ(known, proxy::NamingMemory::most);
}

bool is_metadata(std::string_view name) { return !proxy::addresses_of_metadata(name).empty(); }

TEST(MetadataNames, AreKnownInEveryForm) {
  for (const auto* name :
       {"metadata.google.internal", "METADATA.Google.Internal", "metadata.google.internal.", "metadata", "Metadata.",
        "metadata.goog", "instance-data", "instance-data.", "instance-data.ec2.internal",
        "instance-data.eu-west-1.compute.internal", "INSTANCE-DATA.us-west-2.COMPUTE.internal.",
        "metadata.azure.internal", "metadata.tencentyun.com", "api.metadata.cloud.ibm.com", "metadata.exoscale.com",
        "rancher-metadata", "x.metadata.google.internal"})
    EXPECT_TRUE(is_metadata(name)) << name;
}

TEST(MetadataNames, OthersAreNone) {
  for (const auto* name :
       {"", ".", "google.internal", "xmetadata.google.internal", "metadata.example", "metadata.google.internal.example",
        "instance-data.example", "compute.internal", "ip-10-0-0-1.eu-west-1.compute.internal",
        "instance-data.compute.internal", "metadata.google.com", "my_app.example"})
    EXPECT_FALSE(is_metadata(name)) << name;
}

}  // namespace
}  // namespace tfunnel::test
