// What is kept of an HTTP request while it is searched for keywords: one of a flow, in its
// Learning.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/flow/flow.h"
#include "dataplane/verdict/decide.h"
#include "rules/compile/keyword_fold.h"
#include "rules/compile/keyword_hits.h"
#include "rules/compile/keyword_table.h"

namespace weir::pipeline {

struct KeywordReading {
  // Of each request's body so much is searched; what comes behind is passed over.
  static constexpr uint32_t kBodyBytesMax = 65'536;
  // A keyword that begins in one piece may end in the next.
  static constexpr size_t kTailBytesMax = rules::kKeywordBytesMax - 1;

  void BeginPart() {
    fold = rules::KeywordFold();
    tail_bytes = 0;
  }
  // The host's place in the pool of strings is the caller's to give back.
  void BeginRequest() {
    BeginPart();
    body_left = kBodyBytesMax;
    hits.Clear();
    host = flow::kNone;
    host_state = verdict::Knowledge::kOpen;
  }

  rules::KeywordFold fold;
  uint8_t tail_bytes = 0;
  std::array<char, kTailBytesMax> tail;  // of the part's text so far, folded
  uint32_t body_left = 0;
  rules::KeywordHits hits;
  flow::PoolIndex host = flow::kNone;  // string pool; the last that the request told
  verdict::Knowledge host_state = verdict::Knowledge::kNone;
};

}  // namespace weir::pipeline
