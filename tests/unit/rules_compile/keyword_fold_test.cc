// Folding: one form for a word however it was sent, whole or in pieces.
#include "rules/compile/keyword_fold.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::rules {
namespace {

TEST(KeywordFold, MakesOneFormOfManySpellings) {
  EXPECT_EQ(Folded("Exact WORDS"), "exact words");
  EXPECT_EQ(Folded("exact+words"), "exact words");
  EXPECT_EQ(Folded("exact%20words"), "exact words");
  EXPECT_EQ(Folded("exact\twords\r\n"), "exact words  ");
  EXPECT_EQ(Folded("%E8%B5%8C%e5%8D%9a"), "赌博");
  EXPECT_EQ(Folded("%u8D4C%U535a"), "赌博");
  EXPECT_EQ(Folded("\\u8d4c\\u535A"), "赌博");
  EXPECT_EQ(Folded("a\\/b"), "a/b");
  EXPECT_EQ(Folded("%41\\u0042%u0043"), "abc");
  EXPECT_EQ(Folded("\\ud83c\\udfb2"), "🎲");
  EXPECT_EQ(Folded("%2B"), " ");
}

TEST(KeywordFold, UndoesAnEscapeOnce) {
  EXPECT_EQ(Folded("%2541"), "%41");
  EXPECT_EQ(Folded("%255C"), "%5c");
}

TEST(KeywordFold, LeavesWhatIsNoEscape) {
  for (const char* text : {"100%", "100% of", "%", "%%", "%4", "%g1", "%u12", "%u12g4", "\\", "\\x",
                           "\\u", "\\u12", "\\u123g", "a\\b%c", "%%%"}) {
    EXPECT_EQ(Folded(text), text);
  }
  EXPECT_EQ(Folded("%%41"), "%a");
  EXPECT_EQ(Folded("\\\\u0041"), "\\a");
  EXPECT_EQ(Folded("%u00%41"), "%u00a");
}

TEST(KeywordFold, ReplacesHalvesOfPairs) {
  EXPECT_EQ(Folded("\\ud83c"), "\uFFFD");
  EXPECT_EQ(Folded("\\udfb2"), "\uFFFD");
  EXPECT_EQ(Folded("\\ud83cx"), "\uFFFDx");
  EXPECT_EQ(Folded("\\ud83c\\ud83c\\udfb2"), "\uFFFD🎲");
  EXPECT_EQ(Folded("\\ud83c\\u8d4c"), "\uFFFD赌");
}

// Wherever the text is cut, and never more bytes than were said.
TEST(KeywordFold, ComesToTheSameInPieces) {
  const std::vector<std::string> texts = {"q=%E8%B5%8C%u535a&x=\\ud83c\\udfb2+%",
                                          "%%41%u12%u12345\\u\\\\u0041\\ud83c%zz\\ud83c"};
  for (const std::string& text : texts) {
    for (size_t a = 0; a <= text.size(); ++a) {
      for (size_t b = a; b <= text.size(); ++b) {
        KeywordFold fold;
        std::string out;
        for (const std::string& piece :
             {text.substr(0, a), text.substr(a, b - a), text.substr(b)}) {
          std::string room(piece.size() + KeywordFold::kMoreBytesMax, '\0');
          const size_t bytes = fold.Fold(piece, room.data());
          ASSERT_LE(bytes, room.size());
          out += room.substr(0, bytes);
        }
        std::string rest(KeywordFold::kMoreBytesMax, '\0');
        const size_t bytes = fold.Finish(rest.data());
        ASSERT_LE(bytes, rest.size());
        ASSERT_EQ(out + rest.substr(0, bytes), Folded(text)) << a << " " << b;
      }
    }
  }
}

TEST(KeywordFold, IsReadyForAnotherTextWhenFinished) {
  KeywordFold fold;
  char out[64];
  fold.Fold("%E", out);
  EXPECT_EQ(std::string(out, fold.Finish(out)), "%e");
  EXPECT_EQ(std::string(out, fold.Fold("8", out)), "8");
}

}  // namespace
}  // namespace weir::rules
