#include "dataplane/respond/block_page.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>

#include "dataplane/base/utf8.h"

namespace weir::respond {
namespace {

// No length: the page ends with the connection. `no-store`, so that nothing is remembered when the
// rule is lifted.
constexpr std::string_view kHead =
    "HTTP/1.1 403 Forbidden\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Connection: close\r\n"
    "Cache-Control: no-store\r\n"
    "\r\n";

constexpr std::string_view kShortBody = "此网站已被本网络屏蔽 Blocked by this network\n";

constexpr std::string_view kBuiltIn =
    "<!doctype html><title>403</title>"
    "<h1>已屏蔽 Blocked</h1>"
    "<p><b>{name}</b> 已被本网络的管理员屏蔽。"
    "<p>The operator of this network blocks <b>{name}</b>."
    "<p>{reason}"
    "<p><small>{rule} {time}</small>\n";

// Writes as long as there is room; then it is full, and stays so.
class Writer {
 public:
  explicit Writer(std::span<uint8_t> out) : out_(out) {}

  void Put(std::string_view text) {
    if (text.size() > out_.size() - written_) full_ = true;
    if (full_) return;
    std::ranges::copy(text, out_.begin() + static_cast<ptrdiff_t>(written_));
    written_ += text.size();
  }
  void PutEscaped(std::string_view text) {
    for (const char& c : text) {
      switch (c) {
        case '&':
          Put("&amp;");
          break;
        case '<':
          Put("&lt;");
          break;
        case '>':
          Put("&gt;");
          break;
        case '"':
          Put("&quot;");
          break;
        case '\'':
          Put("&#39;");
          break;
        default:
          Put({&c, 1});
      }
    }
  }
  size_t written() const { return full_ ? 0 : written_; }

 private:
  std::span<uint8_t> out_;
  size_t written_ = 0;
  bool full_ = false;
};

constexpr size_t kTimeBytes = sizeof("2026-11-22T09:30:00Z") - 1;

void PutDigits(unsigned value, size_t at, size_t digits, std::array<char, kTimeBytes>& text) {
  for (size_t i = digits; i > 0; --i, value /= 10) {
    text[at + i - 1] = static_cast<char>('0' + value % 10);
  }
}

// base::FormatRfc3339 allocates. Years of four digits, which 64 bits of nanoseconds cannot leave.
std::array<char, kTimeBytes> TimeText(base::WallTime time) {
  using namespace std::chrono;
  const sys_seconds whole = floor<seconds>(sys_time<nanoseconds>(nanoseconds(time.ns)));
  const sys_days day = floor<days>(whole);
  const year_month_day date(day);
  const hh_mm_ss clock(whole - day);
  std::array<char, kTimeBytes> text = {'0', '0', '0', '0', '-', '0', '0', '-', '0', '0',
                                       'T', '0', '0', ':', '0', '0', ':', '0', '0', 'Z'};
  PutDigits(static_cast<unsigned>(static_cast<int>(date.year())), 0, 4, text);
  PutDigits(static_cast<unsigned>(date.month()), 5, 2, text);
  PutDigits(static_cast<unsigned>(date.day()), 8, 2, text);
  PutDigits(static_cast<unsigned>(clock.hours().count()), 11, 2, text);
  PutDigits(static_cast<unsigned>(clock.minutes().count()), 14, 2, text);
  PutDigits(static_cast<unsigned>(clock.seconds().count()), 17, 2, text);
  return text;
}

bool IsUtf8(std::string_view text) {
  char32_t c = 0;
  while (!text.empty()) {
    if (!base::TakeUtf8(text, c)) return false;
  }
  return true;
}

// "{word}" at the front of `text`, as "word"; empty for a brace that is none.
std::string_view WordInBraces(std::string_view text) {
  size_t end = 1;
  while (end < text.size() && text[end] >= 'a' && text[end] <= 'z') ++end;
  const bool is_word = end > 1 && end < text.size() && text[end] == '}';
  return is_word ? text.substr(1, end - 1) : std::string_view();
}

}  // namespace

BlockPage::Placeholder BlockPage::PlaceholderAt(std::string_view text) {
  const std::string_view word = WordInBraces(text);
  if (word == "name") return Placeholder::kName;
  if (word == "rule") return Placeholder::kRule;
  if (word == "reason") return Placeholder::kReason;
  if (word == "time") return Placeholder::kTime;
  return Placeholder::kNone;
}

base::Result<BlockPage> BlockPage::Parse(std::string_view text) {
  if (text.empty()) return base::Error{"expected an HTML page, found an empty file"};
  if (text.size() > kTemplateBytesMax) {
    return base::Error{"expected at most " + std::to_string(kTemplateBytesMax) +
                       " bytes, as the page goes out in one packet"};
  }
  if (!IsUtf8(text)) return base::Error{"expected UTF-8"};
  BlockPage page;
  Piece piece;
  while (!text.empty()) {
    const std::string_view word = text[0] == '{' ? WordInBraces(text) : std::string_view();
    if (word.empty()) {
      piece.text.push_back(text[0]);
      text.remove_prefix(1);
      continue;
    }
    piece.placeholder = PlaceholderAt(text);
    if (piece.placeholder == Placeholder::kNone) {
      return base::Error{"expected {name}, {rule}, {reason} or {time}, found {" +
                         std::string(word) + "}"};
    }
    text.remove_prefix(word.size() + 2);
    page.pieces_.push_back(std::move(piece));
    piece = Piece();
  }
  page.pieces_.push_back(std::move(piece));
  return page;
}

base::Result<BlockPage> BlockPage::Load(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kTemplateBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (!file && file.gcount() == 0 && !file.eof())) {
    return base::Error{path.string() + ": cannot be read"};
  }
  text.resize(static_cast<size_t>(file.gcount()));
  auto page = Parse(text);
  if (!page) return base::Error{path.string() + ": " + page.error().message};
  return page;
}

const BlockPage& BlockPage::BuiltIn() {
  static const BlockPage page = Parse(kBuiltIn).value();
  return page;
}

size_t BlockPage::Render(const PageFacts& facts, std::span<uint8_t> out) const {
  Writer writer(out);
  writer.Put(kHead);
  const auto time = TimeText(facts.time);
  for (const Piece& piece : pieces_) {
    writer.Put(piece.text);
    switch (piece.placeholder) {
      case Placeholder::kName:
        writer.PutEscaped(facts.name);
        break;
      case Placeholder::kRule:
        writer.PutEscaped(facts.rule);
        break;
      case Placeholder::kReason:
        writer.PutEscaped(facts.reason);
        break;
      case Placeholder::kTime:
        writer.Put({time.data(), time.size()});
        break;
      case Placeholder::kNone:
        break;
    }
  }
  return writer.written();
}

size_t BlockPage::RenderShort(std::span<uint8_t> out) {
  static_assert(kHead.size() + kShortBody.size() < 200);
  Writer writer(out);
  writer.Put(kHead);
  writer.Put(kShortBody);
  return writer.written();
}

}  // namespace weir::respond
