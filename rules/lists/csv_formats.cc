// The CSV exports of abuse.ch: URLhaus (https://urlhaus.abuse.ch/api/) and ThreatFox
// (https://threatfox.abuse.ch/export/). A record is one line.

#include "rules/lists/csv_record.h"
#include "rules/lists/line_format.h"
#include "rules/lists/line_text.h"
#include "rules/lists/url_host.h"

namespace weir::rules {
namespace {

// '#' is a comment at the beginning of a line only; URLs hold it too.
std::string_view WithoutCsvComment(std::string_view line) {
  return Trimmed(line).starts_with('#') ? std::string_view() : line;
}

class UrlhausFormat : public LineFormat {
  std::string_view WithoutComment(std::string_view line) const override {
    return WithoutCsvComment(line);
  }
  void Read(std::string_view line, EntrySink& sink) override {
    if (!record_.Read(line) || record_.size() < 3) return sink.Skip(SkipReason::kNotUnderstood);
    if (record_[0] == "id" && record_[2] == "url") return;  // the columns' names
    const std::string_view url = record_[2];
    if (url.find("://") == url.npos) return sink.Skip(SkipReason::kNotUnderstood);
    AddUrlHost(url, sink);
  }
  CsvRecord record_;
};

class ThreatfoxFormat : public LineFormat {
  std::string_view WithoutComment(std::string_view line) const override {
    return WithoutCsvComment(line);
  }
  void Read(std::string_view line, EntrySink& sink) override {
    if (!record_.Read(line) || record_.size() < 4) return sink.Skip(SkipReason::kNotUnderstood);
    const std::string_view value = record_[2];
    const std::string_view type = record_[3];
    if (type == "ioc_type") return;  // the columns' names
    if (type == "domain") {
      sink.AddName(value, NameReach::kExact);
    } else if (type == "url") {
      AddUrlHost(value, sink);
    } else if (type == "ip:port") {
      AddEndpoint(value, sink);
    } else {
      sink.Skip(type.empty() ? SkipReason::kNotUnderstood : SkipReason::kUnsupported);
    }
  }

  static void AddEndpoint(std::string_view value, EntrySink& sink) {
    const size_t colon = value.rfind(':');
    unsigned port = 0;
    if (colon == value.npos || !ParseNumber(value.substr(colon + 1), port)) {
      return sink.Skip(SkipReason::kBadAddress);
    }
    std::string_view address = value.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
      address = address.substr(1, address.size() - 2);
    }
    sink.AddEndpoint(address, kTcpAndUdp, port);
  }

  CsvRecord record_;
};

}  // namespace

std::unique_ptr<LineFormat> MakeUrlhausFormat() { return std::make_unique<UrlhausFormat>(); }
std::unique_ptr<LineFormat> MakeThreatfoxFormat() { return std::make_unique<ThreatfoxFormat>(); }

}  // namespace weir::rules
