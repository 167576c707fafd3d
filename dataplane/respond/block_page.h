// The page that a rejected HTTP request gets: a template cut into pieces at start, put together
// with the request's facts when it is needed.
//
// The template is HTML in UTF-8 with {name}, {rule}, {reason} and {time}; what is put in is
// escaped. Parsed once at start, any thread; then immutable: workers render it without allocating.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::respond {

// Header and page together go into one segment, which fits the smallest MTU of IPv6 (1,280).
inline constexpr size_t kPageBytesMax = 1200;
inline constexpr size_t kTemplateBytesMax = 1000;

struct PageFacts {
  std::string_view name;    // the host that was asked for
  std::string_view rule;    // its id
  std::string_view reason;  // of the rule, for people
  base::WallTime time;
};

class BlockPage {
 public:
  // Fails on a template that is empty, too long, no UTF-8, or has an unknown placeholder. A brace
  // that opens none, as in a style sheet, is text.
  static base::Result<BlockPage> Parse(std::string_view text);
  static base::Result<BlockPage> Load(const std::filesystem::path& path);
  static const BlockPage& BuiltIn();

  // Writes a whole HTTP/1.1 response with status 403, delimited by the end of the connection (RFC
  // 9112 §6.3), and returns its bytes; 0 when `out` has not the room.
  size_t Render(const PageFacts& facts, std::span<uint8_t> out) const;

  // The same in two lines, for who has sent little: RenderShort never needs 200 bytes.
  static size_t RenderShort(std::span<uint8_t> out);

 private:
  enum class Placeholder : uint8_t { kNone, kName, kRule, kReason, kTime };
  struct Piece {
    std::string text;  // before the placeholder
    Placeholder placeholder = Placeholder::kNone;
  };

  static Placeholder PlaceholderAt(std::string_view text);

  std::vector<Piece> pieces_;
};

}  // namespace weir::respond
