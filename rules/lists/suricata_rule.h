// One Suricata rule taken apart: https://docs.suricata.io/en/latest/rules/intro.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::rules {

struct SuricataOption {
  std::string_view key;
  std::string_view value;  // trimmed, with its quotation marks; "" when there is none
};

// Views into the line.
struct SuricataRule {
  std::string_view action;
  std::string_view protocol;
  std::string_view source;
  std::string_view source_port;
  std::string_view destination;
  std::string_view destination_port;
  std::vector<SuricataOption> options;
};

// False when the line is no rule.
bool ReadSuricataRule(std::string_view line, SuricataRule& rule);

// "…" without the marks, with |xx xx| and \ undone; false for what is not written so.
bool ReadSuricataText(std::string_view value, std::string& out);

// The elements of "[a, b]", or of "a"; false when brackets stand in brackets or are not closed.
bool ReadSuricataItems(std::string_view text, std::vector<std::string_view>& items);

}  // namespace weir::rules
