// A format that is read line by line. What a line gives goes into the sink; state that reaches over
// lines (an origin, the type of a set) is the format's own. Made anew for each list.
#pragma once

#include <memory>
#include <string_view>

#include "rules/lists/entry_sink.h"

namespace weir::rules {

class LineFormat {
 public:
  virtual ~LineFormat() = default;

  // Called once, before the lines; `text` stays until the end.
  virtual void Begin(std::string_view /*text*/, EntrySink& /*sink*/) {}
  // `line` without its comment, as far as the format has such; blanks at the end do not matter.
  virtual std::string_view WithoutComment(std::string_view line) const;
  // `line`: UTF-8, not blank, its comment taken off. The sink is at the line already.
  virtual void Read(std::string_view line, EntrySink& sink) = 0;
  // Ends what lines before have begun: behind the last line, and where a line is no text.
  virtual void EndRecord(EntrySink& /*sink*/) {}
};

std::unique_ptr<LineFormat> MakeHostsFormat();
std::unique_ptr<LineFormat> MakeDomainsFormat();
std::unique_ptr<LineFormat> MakeAdblockFormat();
std::unique_ptr<LineFormat> MakeRpzFormat();
std::unique_ptr<LineFormat> MakeCidrFormat();
std::unique_ptr<LineFormat> MakeIpsetFormat();
std::unique_ptr<LineFormat> MakeDropFormat();
std::unique_ptr<LineFormat> MakeUrlhausFormat();
std::unique_ptr<LineFormat> MakeThreatfoxFormat();
std::unique_ptr<LineFormat> MakeSuricataFormat();

// Lines as the formats for names have them, also where they stand in an AdBlock list.
void ReadDomainLine(std::string_view line, EntrySink& sink);
// False, and nothing done, when no address is in front.
bool ReadHostsLine(std::string_view line, EntrySink& sink);
// "first - last" is taken as well; anything behind is not.
void ReadAddressLine(std::string_view line, EntrySink& sink);
std::string_view WithoutNameComment(std::string_view line);

}  // namespace weir::rules
