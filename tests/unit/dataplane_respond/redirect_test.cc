#include "dataplane/respond/redirect.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace weir::respond {
namespace {

constexpr std::string_view kPortal = "http://portal.campus.example/login";

TEST(Redirect, IsAWholeResponseToThePortal) {
  std::array<uint8_t, 400> room{};
  const size_t bytes = WriteRedirect(kPortal, room);
  EXPECT_EQ(std::string(room.begin(), room.begin() + static_cast<ptrdiff_t>(bytes)),
            "HTTP/1.1 302 Found\r\n"
            "Location: http://portal.campus.example/login\r\n"
            "Content-Length: 0\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n");
}

TEST(Redirect, IsWrittenWholeOrNotAtAll) {
  std::array<uint8_t, 400> room{};
  const size_t bytes = WriteRedirect(kPortal, room);
  EXPECT_EQ(bytes, 97 + kPortal.size());
  EXPECT_EQ(WriteRedirect(kPortal, std::span(room).first(bytes)), bytes);
  EXPECT_EQ(WriteRedirect(kPortal, std::span(room).first(bytes - 1)), 0u);
}

}  // namespace
}  // namespace weir::respond
