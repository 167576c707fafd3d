#include "dataplane/base/sha256.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

// FIPS 180-4's own examples (NIST, "Example Values: SHA-256").
TEST(Sha256, GivesTheStandardsExamples) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, TakesBytesInPieces) {
  EXPECT_EQ(Sha256().Add("a").Add("").Add("bc").Hex(), Sha256Hex("abc"));
}

}  // namespace
}  // namespace weir::base
