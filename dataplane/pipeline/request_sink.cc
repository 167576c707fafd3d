#include "dataplane/pipeline/request_sink.h"

#include <algorithm>
#include <array>

namespace weir::pipeline {

using verdict::Knowledge;

void RequestSink::OnName(const names::HostName& name, names::Source source) {
  FoundNames::Found* place = found_.Add();
  if (place != nullptr) {
    place->name = name;
    place->source = source;
  }
  if (source != names::Source::kHttpHost) return;
  strings_.Release(reading_.host);
  reading_.host = strings_.Acquire(name.view());
  reading_.host_state = Knowledge::kKnown;
  if (place != nullptr) place->keywords = reading_.hits;
  news_ = false;
}

void RequestSink::OnHttpRequest() {
  Flush();
  found_.OnHttpRequest();
  strings_.Release(reading_.host);
  reading_.BeginRequest();
}

// A request without a host: what waited for one need not wait any longer.
void RequestSink::OnHttpHeaderEnd() {
  if (reading_.host_state != Knowledge::kOpen) return;
  reading_.host_state = Knowledge::kNone;
  news_ |= !reading_.hits.empty();
}

void RequestSink::Flush() {
  if (!news_) return;
  news_ = false;
  FoundNames::Found* place = found_.Add();
  if (place == nullptr) return;
  std::array<char, flow::StringPool::kStringBytesMax> text;
  const std::string_view host = strings_.Read(reading_.host, text);
  std::copy(host.begin(), host.end(), place->name.text.begin());
  place->name.bytes = static_cast<uint8_t>(host.size());
  place->name_state = reading_.host_state;
  // The pool was full.
  if (host.empty() && place->name_state == Knowledge::kKnown) place->name_state = Knowledge::kNone;
  place->source = names::Source::kHttpHost;
  place->is_keyword = true;
  place->keywords = reading_.hits;
}

}  // namespace weir::pipeline
