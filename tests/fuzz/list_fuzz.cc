// Lists: as the format that is seen in them, and as each of the others, what is taken holds
// together.
#include <algorithm>
#include <string_view>

#include "dataplane/base/idna.h"
#include "dataplane/base/utf8.h"
#include "fuzz_check.h"
#include "rules/lists/entry_sink.h"
#include "rules/lists/read_list.h"

using namespace weir;
using namespace weir::rules;

namespace {

void CheckShown(std::string_view text) {
  FUZZ_CHECK(text.size() <= ListContent::kShownBytesMax);
  char32_t c = 0;
  while (!text.empty()) FUZZ_CHECK(base::TakeUtf8(text, c) && c >= ' ' && c != 0x7f);
}

// Lines rise, and none is beyond the end.
class LineCheck {
 public:
  explicit LineCheck(uint64_t lines) : lines_(lines) {}
  void Next(uint32_t line) {
    FUZZ_CHECK(line >= 1 && line >= last_ && line <= lines_);
    last_ = line;
  }

 private:
  uint64_t lines_;
  uint32_t last_ = 0;
};

void CheckEntries(const ListContent& content) {
  LineCheck names(content.lines), ranges(content.lines), endpoints(content.lines);
  uint64_t count = 0;
  content.ForEachName([&](const ListName& entry) {
    ++count;
    names.Next(entry.line);
    base::HostBuffer buffer;
    FUZZ_CHECK(base::NormaliseHost(entry.name, buffer).name == entry.name);
    FUZZ_CHECK(entry.name.find_first_of("*/:# ") == entry.name.npos);
    FUZZ_CHECK(entry.reach == NameReach::kExact || entry.name.find('.') != entry.name.npos);
    const bool may_pass =
        content.format == ListFormat::kAdblock || content.format == ListFormat::kRpz;
    FUZZ_CHECK(!entry.pass || may_pass);
  });
  FUZZ_CHECK(count == content.name_count());
  for (const ListRange& entry : content.ranges) {
    ranges.Next(entry.line);
    FUZZ_CHECK(entry.range.first <= entry.range.last);
    FUZZ_CHECK(entry.range.first.is_v4() == entry.range.last.is_v4());
    FUZZ_CHECK(!IsLocalRange(entry.range));
  }
  for (const ListEndpoint& entry : content.endpoints) {
    endpoints.Next(entry.line);
    FUZZ_CHECK(entry.port != 0);
    FUZZ_CHECK(entry.ip_protocol == kTcp || entry.ip_protocol == kUdp ||
               entry.ip_protocol == kSctp);
    FUZZ_CHECK(!IsLocalRange({entry.address, entry.address}));
  }
  FUZZ_CHECK(content.entry_count() == count + content.ranges.size() + content.endpoints.size());
}

void CheckSkipped(const ListContent& content) {
  uint64_t all = 0;
  for (size_t i = 0; i < static_cast<size_t>(SkipReason::kCount); ++i) {
    const auto& skipped = content.skipped(static_cast<SkipReason>(i));
    all += skipped.count;
    FUZZ_CHECK(skipped.first.size() ==
               std::min<uint64_t>(skipped.count, ListContent::Skipped::kShownMax));
    LineCheck lines(content.lines);
    for (const auto& line : skipped.first) {
      lines.Next(line.line);
      CheckShown(line.text);
    }
  }
  FUZZ_CHECK(all == content.skipped_count());
  const uint64_t faults = content.skipped(SkipReason::kNotUnderstood).count +
                          content.skipped(SkipReason::kBadName).count +
                          content.skipped(SkipReason::kBadAddress).count;
  FUZZ_CHECK(content.entry_count() > 0 && faults <= content.entry_count());
}

void Read(std::string_view text, std::optional<ListFormat> format) {
  const auto content =
      ReadList(text, {.format = format, .now = base::WallTime{1'796'000'000 * base::kNsPerSecond}});
  if (!content) {
    FUZZ_CHECK(!content.error().message.empty());
    return;
  }
  FUZZ_CHECK(!format || content->format == *format);
  CheckEntries(*content);
  CheckSkipped(*content);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
  Read(text, std::nullopt);
  for (size_t i = 0; i < kListFormats; ++i) Read(text, static_cast<ListFormat>(i));
  return 0;
}
