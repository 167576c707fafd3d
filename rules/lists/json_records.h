// Objects of a certain kind out of a JSON text of any size and depth: read as a stream, so that
// only one object's fields are held, and nothing recurses.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::rules {

// Where in the text something stands. What no step leads to is passed over.
using JsonPlace = uint8_t;
inline constexpr JsonPlace kJsonIgnored = 0;
inline constexpr JsonPlace kJsonRoot = 1;  // the outermost value; others are the format's own

struct JsonStep {
  JsonPlace from;
  std::string_view key;  // of a member; "" for the elements of an array
  JsonPlace to;
};

// `fields` are what is kept of the objects at `record`: texts, numbers and truth values as text,
// and of an array its texts with a comma behind each.
struct JsonShape {
  std::span<const JsonStep> steps;
  std::span<const std::string_view> fields;
  JsonPlace record;
};

// The values in the order of `fields`, "" where there is none. Valid during the call.
using JsonRecord = std::span<const std::string>;

// Calls `take` with each record, in order, until it returns false, which is no failure. Fails with
// the byte where the text is no JSON (RFC 8259); the records before it have been taken.
base::Status ReadJsonRecords(std::string_view text, const JsonShape& shape,
                             const std::function<bool(JsonRecord)>& take);

// The first of `keys` that the outermost object has, or the first object of an outermost array; ""
// when it has none. Text behind it is not looked at.
std::string_view FindJsonKey(std::string_view text, std::span<const std::string_view> keys);

}  // namespace weir::rules
