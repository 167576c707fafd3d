// Puts the keywords of HTTP requests among the names that are found: what a request told so far is
// judged with each of its names, and again when another keyword is found.
//
// For the length of one packet. Worker's thread.
#pragma once

#include <string_view>

#include "dataplane/flow/string_pool.h"
#include "dataplane/pipeline/found_names.h"
#include "dataplane/pipeline/keyword_finder.h"

namespace weir::pipeline {

class RequestSink final : public names::NameSink {
 public:
  RequestSink(FoundNames& found, KeywordFinder& finder, KeywordReading& reading,
              flow::StringPool& strings)
      : found_(found), finder_(finder), reading_(reading), strings_(strings) {}

  void OnName(const names::HostName& name, names::Source source) override;
  void OnHttpRequest() override;
  void OnHttpHeaderEnd() override;
  void OnHttpText(names::HttpPart part, std::string_view text, bool more) override {
    news_ |= finder_.Read(part, text, more, reading_);
  }

  // Behind the last byte of the packet.
  void Flush();

 private:
  FoundNames& found_;
  KeywordFinder& finder_;
  KeywordReading& reading_;
  flow::StringPool& strings_;
  bool news_ = false;  // a keyword that was not judged yet
};

}  // namespace weir::pipeline
