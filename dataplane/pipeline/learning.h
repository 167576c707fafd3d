// What a worker keeps of a flow only while its name or application is being found out.
//
// A fixed pool. Given back as soon as nothing more can be learnt, except by HTTP/1 connections,
// whose every request is read. A flow that finds no place takes that of one which can be read again
// from where it is (learn.cc); where there is none it goes without. Worker's thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/classify/classifier.h"
#include "dataplane/flow/flow.h"
#include "dataplane/names/name_finder.h"
#include "dataplane/pipeline/conversation.h"
#include "dataplane/pipeline/keyword_reading.h"
#include "dataplane/stream/client_stream.h"
#include "dataplane/stream/tcp_check.h"

namespace weir::pipeline {

struct Learning {
  // DESIGN.md "Verdict": so many packets each way may pass while an application is not known.
  static constexpr uint8_t kPacketsMax = 10;

  explicit Learning(stream::BufferPool& buffers) : client(buffers) {}

  names::TcpNameFinder tcp_names;
  names::UdpNameFinder udp_names;
  stream::ClientStream client;
  stream::TcpCheck tcp;
  Conversation conversation;
  KeywordReading keywords;             // of the HTTP request that is read
  flow::FlowIndex flow = flow::kNone;  // whose it is
  classify::Slot slot = classify::kNoSlot;
  std::optional<uint32_t> syn_again;  // of a SYN within the connection that nobody has answered
  std::array<uint8_t, 2> packets{};   // with payload, by Endpoint, up to kPacketsMax
  uint8_t datagrams = 0;              // shown to udp_names, up to kPacketsMax
  flow::Endpoint client_end = flow::Endpoint::kLow;
  packet::Side client_side = packet::Side::kUnknown;
  uint8_t server_sides = 0;   // bits by Side: heard in the server's name before that was known
  bool client_known = false;  // by its SYN, or by its first payload
  bool client_swapped = false;
  bool names_done = false;    // nothing more will be looked for
  bool name_settled = false;  // the policy need not wait for a name
  bool app_settled = false;
  bool open = false;        // the verdict waits for one of them
  bool reply_owed = false;  // a named request passed, and nothing has come back yet
};

class LearningPool {
 public:
  LearningPool(uint32_t learning_max, stream::BufferPool& buffers);

  flow::PoolIndex Take();  // kNone when all are in use
  void Give(flow::PoolIndex index);
  Learning& at(flow::PoolIndex index) { return entries_[index]; }
  const Learning& at(flow::PoolIndex index) const { return entries_[index]; }
  // All entries come round, the one behind the last taken first, whether in use or not.
  flow::PoolIndex InTurn(uint32_t step) const {
    return (taken_ + 1 + step) % static_cast<uint32_t>(entries_.size());
  }
  void TakenInTurn(flow::PoolIndex index) { taken_ = index; }
  size_t in_use() const { return entries_.size() - free_.size(); }

 private:
  stream::BufferPool& buffers_;
  std::vector<Learning> entries_;
  std::vector<flow::PoolIndex> free_;
  flow::PoolIndex taken_ = 0;
};

}  // namespace weir::pipeline
