// What people typed, as it stands in one line of the operations log or of a manifest: encoded so
// that no value can be read as another value more.
//
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "control/api/message.h"

namespace weir::control::api {

// For "name=value name=value": '%', '=', blanks, control and invisible characters as %20 and the
// like. What is none of these stays as it is, in whatever script.
std::string LogValue(std::string_view value);

// All that a request's query asks for, "account=s1 port=443", by name; "" when that is nothing. Not
// the reason and its request, which stand elsewhere, nor the format of the answer.
std::string LogQuery(const Request& request);

// A reason and the number of the request behind it, "case 2026-17 (K-9)": parentheses, '%' and
// control characters in either as %28 and the like. "" when neither is given.
std::string LogReason(std::string_view reason, std::string_view request);
// As the query has them, else the body.
std::string LogReason(const Request& request);

}  // namespace weir::control::api
