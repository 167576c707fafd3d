// Text for a terminal: how wide it is there, made to fit, and what must not reach it.
//
// Pure, but for TerminalColumns(); any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::cli {

// Columns of a character on a terminal: 0 for combining marks, 2 for CJK and their like, else 1.
int CharacterColumns(char32_t character);
size_t TextColumns(std::string_view utf8);

// Control characters and bytes that are not UTF-8 become U+FFFD, for host names come from the wire
// and a terminal obeys escapes.
std::string Printable(std::string_view text);

// At most `columns` wide; "…" stands for what was cut. `text` is printable.
std::string FitColumns(std::string_view text, size_t columns);

// Of the environment's COLUMNS (0: no limit), else of the terminal, else 100.
size_t TerminalColumns();

// A UTC time of the API as RFC 3339 in local time without fraction: "2026-11-22T17:30:00+08:00".
// What is no time comes back as it was.
std::string LocalTime(std::string_view rfc3339);

// The same for a table: on a terminal that is not wide only "11-22T17:30:00".
inline constexpr size_t kWideColumns = 140;
std::string TableTime(std::string_view rfc3339);

// What a person types for a time: RFC 3339, "2026-11-22", "2026-11-22 17:30[:05]" in local time, or
// a duration such as "2h": that long before `now`.
base::Result<base::WallTime> ParseUserTime(std::string_view text, base::WallTime now);

std::string ShortBytes(uint64_t bytes);     // "999", "1.2k", "34M"
std::string ShortSeconds(int64_t seconds);  // "23h59m", "-5m", "12s"

}  // namespace weir::control::cli
