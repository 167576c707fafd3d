// The records of a DNS zone file (RFC 1035 §5.1), with their owners relative to the zone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::rules {

// What a record says; views into the zone's text or into the reader.
struct ZoneRecord {
  std::string_view owner;  // relative to the zone; "" or "@" is the zone itself
  std::string_view type;   // "CNAME"
  std::string_view data;   // its first word
};

class ZoneReader {
 public:
  enum class Outcome : uint8_t {
    kRecord,         // `record` is filled
    kNothing,        // a directive, or a record that goes on in the next line
    kUnsupported,    // $INCLUDE, $GENERATE
    kNotUnderstood,  // no record, or one outside of the zone
  };

  // `line` without its comment; it must stay, as the lines before it, until the reader goes.
  Outcome Read(std::string_view line, ZoneRecord& record);

  // Whether a parenthesis is open: the record that has begun ends in a line to come.
  bool open() const { return open_; }
  // Gives up what is open, so that one parenthesis that is never closed does not hide all behind
  // it.
  void GiveUp();

 private:
  bool TakeWords(std::string_view line);
  Outcome Directive();
  Outcome Record(ZoneRecord& record);
  bool Relative(std::string_view owner, std::string_view& out);
  std::string Absolute(std::string_view name) const;

  std::vector<std::string_view> words_;
  bool open_ = false;
  bool owner_left_out_ = false;
  std::string_view owner_;   // of the record before, as written
  std::string origin_;       // absolute and lower-case, without the last dot; "" is the root
  bool has_origin_ = false;  // $ORIGIN said so
  std::string zone_;         // likewise; "" as long as it is not known
  std::string relative_;
};

}  // namespace weir::rules
