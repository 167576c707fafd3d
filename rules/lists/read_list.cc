#include "rules/lists/read_list.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "dataplane/base/unique_fd.h"
#include "rules/lists/entry_sink.h"
#include "rules/lists/json_formats.h"
#include "rules/lists/line_format.h"
#include "rules/lists/line_text.h"
#include "rules/lists/list_bytes.h"

namespace weir::rules {
namespace {

std::unique_ptr<LineFormat> MakeLineFormat(ListFormat format) {
  switch (format) {
    case ListFormat::kHosts:
      return MakeHostsFormat();
    case ListFormat::kDomains:
      return MakeDomainsFormat();
    case ListFormat::kAdblock:
      return MakeAdblockFormat();
    case ListFormat::kRpz:
      return MakeRpzFormat();
    case ListFormat::kCidr:
      return MakeCidrFormat();
    case ListFormat::kIpset:
      return MakeIpsetFormat();
    case ListFormat::kDrop:
      return MakeDropFormat();
    case ListFormat::kUrlhaus:
      return MakeUrlhausFormat();
    case ListFormat::kThreatfox:
      return MakeThreatfoxFormat();
    case ListFormat::kSuricata:
      return MakeSuricataFormat();
    case ListFormat::kStix:
    case ListFormat::kMisp:
      break;  // no lines
  }
  return nullptr;
}

// Gives the number of lines.
base::Result<uint64_t> ReadLines(std::string_view text, LineFormat& format, EntrySink& sink) {
  format.Begin(text, sink);
  uint64_t lines = 0;
  while (!text.empty() && !sink.full()) {
    const std::string_view whole = TakeLine(text);
    if (++lines > kListLinesMax) {
      return base::Error{fmt::format("it has more than {} lines", kListLinesMax)};
    }
    if (whole.size() > kListLineBytesMax) {
      return base::Error{fmt::format("line {} is longer than {} bytes", lines, kListLineBytesMax)};
    }
    const std::string_view line = format.WithoutComment(whole);
    if (Trimmed(line).empty()) continue;
    const bool is_text = IsUtf8(line);
    if (!is_text) format.EndRecord(sink);
    sink.At(static_cast<uint32_t>(lines), Trimmed(whole));
    if (is_text) {
      format.Read(line, sink);
    } else {
      sink.Skip(SkipReason::kNotUnderstood);
    }
  }
  format.EndRecord(sink);
  return lines;
}

constexpr SkipReason kFaults[] = {SkipReason::kNotUnderstood, SkipReason::kBadName,
                                  SkipReason::kBadAddress};

// "…, such as line 3, 'x y z'", of the first line that is among these.
std::string Example(const ListContent& content, std::span<const SkipReason> reasons) {
  const ListContent::Skipped::Line* first = nullptr;
  for (const SkipReason reason : reasons) {
    const ListContent::Skipped& skipped = content.skipped(reason);
    if (skipped.first.empty() || (first && first->line <= skipped.first[0].line)) continue;
    first = &skipped.first[0];
  }
  return first ? fmt::format("{}{}, '{}'", kSuchAsLine, first->line, first->text) : "";
}

base::Status CheckContent(const ListContent& content) {
  const std::string_view format = ListFormatName(content.format);
  if (content.entry_count() == 0) {
    constexpr SkipReason kAll[] = {SkipReason::kNotUnderstood, SkipReason::kBadName,
                                   SkipReason::kBadAddress,    SkipReason::kUnsupported,
                                   SkipReason::kConditional,   SkipReason::kLocal,
                                   SkipReason::kExpired};
    return base::Error{fmt::format("read as '{}', it has no entry and {} skipped{}", format,
                                   content.skipped_count(), Example(content, kAll))};
  }
  uint64_t faults = 0;
  for (const SkipReason reason : kFaults) faults += content.skipped(reason).count;
  if (faults <= content.entry_count()) return {};
  return base::Error{fmt::format("read as '{}', it has more faults ({}) than entries ({}){}",
                                 format, faults, content.entry_count(), Example(content, kFaults))};
}

}  // namespace

base::Result<ListContent> ReadList(std::string_view text, const ListOptions& options) {
  if (text.size() > options.bytes_max) {
    return base::Error{fmt::format("it has more than {} bytes", options.bytes_max)};
  }
  if (const base::Status status = CheckListBytes(text); !status) return status.error();
  ListContent content;
  if (options.format) {
    content.format = *options.format;
  } else {
    const auto found = FindListFormat(text);
    if (!found) return found.error();
    content.format = *found;
  }
  text = WithoutByteOrderMark(text);
  EntrySink sink(content, options.now);
  const std::unique_ptr<LineFormat> line_format = MakeLineFormat(content.format);
  const base::Result<uint64_t> lines = line_format ? ReadLines(text, *line_format, sink)
                                       : content.format == ListFormat::kStix ? ReadStix(text, sink)
                                                                             : ReadMisp(text, sink);
  if (!lines) return lines.error();
  content.lines = *lines;
  if (content.lines > kListLinesMax || sink.full()) {
    return base::Error{fmt::format("it has more than {} entries", kListLinesMax)};
  }
  if (const base::Status status = CheckContent(content); !status) return status.error();
  content.ShrinkToFit();
  return content;
}

std::string WithoutExample(const std::string& error) {
  return error.substr(0, std::min(error.find(kALineOfIt), error.find(kSuchAsLine)));
}

base::Result<std::string> ReadListBytes(const std::string& path, size_t bytes_max) {
  const auto fail = [](int number) { return base::Error{std::strerror(number)}; };
  // Without O_NONBLOCK the open of a FIFO waits for a writer.
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail(errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail(errno);
  if (!S_ISREG(info.st_mode)) return base::Error{"it is no regular file"};
  const base::Error too_large{fmt::format("it has more than {} bytes", bytes_max)};
  if (static_cast<uint64_t>(info.st_size) > bytes_max) return too_large;
  // One byte more, to see the end; a file that grows is read as far as that.
  std::string text(static_cast<size_t>(info.st_size) + 1, '\0');
  size_t size = 0;
  while (true) {
    const ssize_t count = ::read(fd.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno);
    if (count == 0) break;
    size += static_cast<size_t>(count);
    if (size > bytes_max) return too_large;
    if (size == text.size()) text.resize(std::min(size * 2, bytes_max + 1));
  }
  text.resize(size);
  return text;
}

base::Result<ListContent> ReadListFile(const std::string& path, const ListOptions& options) {
  const auto text = ReadListBytes(path, options.bytes_max);
  if (!text) return text.error();
  return ReadList(*text, options);
}

}  // namespace weir::rules
