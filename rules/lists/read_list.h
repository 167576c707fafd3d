// The bytes of a list to its entries, in whichever of the formats they are.
//
// Off the packet path; pure but for the file. A million lines take a second or two.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "rules/lists/list_content.h"

namespace weir::rules {

inline constexpr size_t kListBytesMax = size_t{512} << 20;
inline constexpr size_t kListLineBytesMax = size_t{1} << 20;  // but of the JSON formats

// What an error says before it shows a line of the list.
inline constexpr std::string_view kALineOfIt = "; a line of it: ";
inline constexpr std::string_view kSuchAsLine = ", such as line ";

struct ListOptions {
  std::optional<ListFormat> format;  // nullopt: found out from the content
  base::WallTime now;                // entries that end at a time of their own are skipped after it
  size_t bytes_max = kListBytesMax;
};

// Which format it is: by the first 200 lines that are no comments. Fails with what it seems to be
// where it is none: an HTML page, UTF-16, compressed, binary, empty, other JSON.
base::Result<ListFormat> FindListFormat(std::string_view text);

// `text`: UTF-8, with or without a byte order mark, lines ended by LF or CR LF. Fails, with one
// sentence, when it is none of the formats, has no entry at all, has more lines that are not
// understood than others, or is beyond a limit. What is skipped is counted in the content.
// STIX and MISP have no lines: there `lines` counts the objects of the bundle, or the attributes of
// all events, and an entry's line is the place among them, from 1.
base::Result<ListContent> ReadList(std::string_view text, const ListOptions& options);

// An error of ReadList() without the line of the list that it shows: for where nobody's lines are
// to be kept, as who took the wrong file may have shown a secret.
std::string WithoutExample(const std::string& error);

// The bytes of a regular file. Fails when there are more than `bytes_max`; the message does not
// name the file.
base::Result<std::string> ReadListBytes(const std::string& path, size_t bytes_max);

// Both in one.
base::Result<ListContent> ReadListFile(const std::string& path, const ListOptions& options);

std::optional<ListFormat> FindListFormatByName(std::string_view word);

}  // namespace weir::rules
