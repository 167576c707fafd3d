#include "dataplane/pipeline/name_stage.h"

#include <algorithm>

#include "dataplane/names/dns_message.h"
#include "dataplane/pipeline/learn.h"
#include "dataplane/pipeline/request_sink.h"

namespace weir::pipeline {
namespace {

using packet::ip_protocol::kTcp;
using packet::ip_protocol::kUdp;
using packet::tcp_flag::kSyn;

static_assert(static_cast<int>(names::Source::kTlsSni) ==
              static_cast<int>(events::NameSource::kTlsSni));
static_assert(static_cast<int>(names::Source::kDnsQuery) ==
              static_cast<int>(events::NameSource::kDnsQuery));

names::UdpPorts PortsOf(const packet::Headers& headers) {
  return {headers.src_port, headers.dst_port};
}

// The finder as the stream's reader.
struct NameReader {
  names::TcpNameFinder& finder;
  names::NameContext& context;
  names::NameSink& sink;
  const KeywordFinder& keywords;
  const KeywordReading& reading;

  bool paused = false;

  size_t Read(std::span<const uint8_t> bytes) {
    const names::FinderStep step = finder.Consume(bytes, context, sink);
    paused = step.paused;
    return step.consumed;
  }
  uint64_t passable() const { return keywords.wants_body(reading) ? 0 : finder.passable(); }
  void Pass(uint32_t count) { finder.Pass(count); }
  bool finished() const { return finder.finished(); }
};

}  // namespace

bool NameStage::MayNameAgain(const FlowPacket& at) {
  if (at.hot.key.protocol != kUdp) return false;
  if (at.packet.headers.dst_port == names::kDnsPort) return true;
  if (at.hot.Has(flow::kAsksDns) && at.from_initiator()) return true;
  // From either end: the one seen first need not be the client.
  return MayBeHello(at.packet.payload());
}

void NameStage::Look(FlowPacket& at, FoundNames& found) {
  has_more_ = false;
  if (at.hot.Has(flow::kLearning)) {
    Learning& learning = worker_.learning.at(at.cold.learning);
    if (at.hot.key.protocol == kTcp) {
      LookTcp(at, learning, found);
    } else if (at.hot.key.protocol == kUdp) {
      LookUdp(at, learning, found);
    } else {
      learning.names_done = learning.name_settled = true;
    }
  } else if (MayNameAgain(at)) {
    LookAgain(at, found);
  }
  Keep(at, found);
}

void NameStage::LookOn(FlowPacket& at, FoundNames& found) {
  has_more_ = false;
  if (!at.hot.Has(flow::kLearning)) return;
  Learning& learning = worker_.learning.at(at.cold.learning);
  WithReader(learning, found, [&](NameReader& reader) {
    learning.client.Resume(worker_.keeps_streams(), reader);
    return stream::Added::kRead;
  });
  NoteRead(at, learning);
  Keep(at, found);
}

void NameStage::Keep(FlowPacket& at, const FoundNames& found) {
  for (const FoundNames::Found& one : found.all()) {
    if (one.is_keyword) {
      worker_.counters.keywords_found.Add();
      continue;
    }
    worker_.counters.names_found.Add();
    if (at.cold.name == flow::kNone) Rename(at, one);
  }
  if (found.overflowed()) worker_.counters.names_overflowed.Add();
}

const FoundNames::Found* NameStage::OfAnotherKind(const FlowPacket& at, const FoundNames& found) {
  const auto all = found.all();
  const auto* other = std::find_if(all.data(), all.data() + all.size(), [&](const auto& each) {
    return !each.is_keyword && static_cast<uint8_t>(each.source) != at.cold.name_source;
  });
  return other == all.data() + all.size() ? nullptr : other;
}

void NameStage::Rename(FlowPacket& at, const FoundNames::Found& name) {
  worker_.strings.Release(at.cold.name);
  at.cold.name = worker_.strings.Acquire(name.name.view());
  at.SetNameSource(name.source);
  at.changed = true;
}

// In mid-stream nobody knows who is the client: it is taken for the one who speaks first, until
// that one's bytes are no client's.
bool NameStage::IsClient(const FlowPacket& at, Learning& learning) const {
  if (!learning.client_known) return false;
  if (at.sender == learning.client_end) return true;
  const bool may_swap = !learning.client_swapped && learning.tcp_names.finished() &&
                        learning.tcp_names.coverage() == names::Coverage::kUnknown &&
                        (at.hot.tcp_flags & kSyn) == 0;
  if (!may_swap) return false;
  learning.client_swapped = true;
  learning.client_end = at.sender;
  learning.client_side = at.packet.rx_side;
  learning.client.Stop();
  learning.tcp = stream::TcpCheck();
  return true;
}

void NameStage::LookTcp(FlowPacket& at, Learning& learning, FoundNames& found) {
  if (at.packet.headers.note != packet::ParseNote::kComplete) return;
  if (at.packet.headers.payload_bytes == 0 || !IsClient(at, learning)) return;
  // What was read stays kept until the server has it: till then other bytes could replace it.
  const bool kept = learning.client.started() && !learning.client.settled();
  if (learning.names_done && !(kept && worker_.keeps_streams())) return;
  ReadClient(at, learning, found);
  NoteRead(at, learning);
}

// What is known of the flow's name now.
void NameStage::NoteRead(FlowPacket& at, Learning& learning) const {
  if (learning.tcp_names.coverage() != names::Coverage::kUndecided) learning.name_settled = true;
  if (learning.names_done || !learning.tcp_names.finished()) return;
  if (!worker_.keeps_streams()) learning.client.Stop();
  learning.name_settled = true;
  const bool other_may_be_client = (at.hot.tcp_flags & kSyn) == 0 && !learning.client_swapped &&
                                   learning.tcp_names.coverage() == names::Coverage::kUnknown;
  // Of an end that is never heard (one-way routing) there is nothing to wait for.
  const bool waited = learning.packets[static_cast<size_t>(at.sender)] == Learning::kPacketsMax;
  if (!other_may_be_client || (waited && !worker_.protects_streams)) learning.names_done = true;
  at.learnt = true;
}

// A stream that was not begun by a SYN: read, or not, as configured.
bool NameStage::MayStartHere(FlowPacket& at, Learning& learning) const {
  switch (worker_.options.midstream) {
    case base::MidStream::kRead:
      break;
    case base::MidStream::kPass:
      learning.names_done = learning.name_settled = at.learnt = true;
      return false;
    case base::MidStream::kDrop:
      if (worker_.protects_streams) at.packet.Drop(packet::DropReason::kStream);
      return !worker_.protects_streams;
  }
  return true;
}

// Where the first segment that was seen is not the first of all, the stream begins with what the
// server has acknowledged, if that is near.
void NameStage::StartReading(const FlowPacket& at, uint32_t seq, Learning& learning) const {
  const stream::TcpCheck& tcp = learning.tcp;
  const bool server_told = tcp.has_ack(stream::Peer::kServer);
  const uint32_t ack = tcp.ack(stream::Peer::kServer);
  const bool near = server_told && seq - ack < stream::kStreamBytesMax;
  learning.client.Start(near ? ack : seq, near);
  learning.tcp_names = names::TcpNameFinder(at.packet.headers.dst_port);
}

void NameStage::ReadClient(FlowPacket& at, Learning& learning, FoundNames& found) {
  const packet::Headers& headers = at.packet.headers;
  const uint32_t seq = headers.tcp_seq + ((headers.tcp_flags & kSyn) != 0 ? 1U : 0U);
  if (!learning.client.started()) {
    if (learning.tcp_names.finished() && !learning.client_swapped) return;
    if (!MayStartHere(at, learning)) return;
    StartReading(at, seq, learning);
  }
  if (const auto again = learning.client.LostBefore(seq); again && !learning.names_done) {
    worker_.counters.stream_gaps.Add();
    learning.client.Stop();
    learning.client.Start(*again, true);
    learning.tcp_names = names::TcpNameFinder(headers.dst_port);
  } else if (learning.client.StartsEarlier(seq)) {
    learning.tcp_names = names::TcpNameFinder(headers.dst_port);
  } else if (worker_.keeps_streams() && learning.client.BeginsBefore(seq)) {
    Refuse(at, stream::Added::kTooFar, learning);
    return;
  }
  const auto added = WithReader(learning, found, [&](NameReader& reader) {
    return learning.client.Add(seq, at.packet.payload(), worker_.keeps_streams(), reader);
  });
  Refuse(at, added, learning);
}

// `read` takes the stream's reader.
template <typename Read>
stream::Added NameStage::WithReader(Learning& learning, FoundNames& found, Read read) {
  RequestSink requests(found, keywords_, learning.keywords, worker_.strings);
  const bool reads_requests = keywords_.reads_requests();
  names::NameSink& sink = reads_requests ? static_cast<names::NameSink&>(requests) : found;
  // Nobody would say when the request that they were found in is over.
  if (!reads_requests) learning.keywords.hits.Clear();
  NameReader reader{learning.tcp_names, *context_, sink, keywords_, learning.keywords};
  const auto result = read(reader);
  requests.Flush();
  has_more_ = reader.paused;
  return result;
}

// What finds no room in a protected stream is dropped: the client sends it again when the server
// has acknowledged what is kept. Without protection the stream is given up.
void NameStage::Refuse(FlowPacket& at, stream::Added added, Learning& learning) {
  using stream::Added;
  if (added == Added::kConflict) {
    worker_.counters.stream_conflicts.Add();
    if (worker_.protects_streams) at.packet.Drop(packet::DropReason::kStream);
    return;
  }
  if (added != Added::kTooFar && added != Added::kPoolEmpty) return;
  const bool wait = added == Added::kTooFar || worker_.options.drop_when_streams_full;
  if (worker_.protects_streams && wait) {
    worker_.counters.stream_waits.Add();
    at.packet.Drop(packet::DropReason::kStream);
    return;
  }
  worker_.counters.streams_given_up.Add();
  learning.client.Stop();
  learning.names_done = learning.name_settled = true;
  at.learnt = true;
}

// A datagram that contradicts another, or begins more than can be followed, could give its server a
// hello that was not read here. The client sends it again, or begins anew.
void NameStage::Refuse(FlowPacket& at, names::Outcome outcome) {
  if (outcome == names::Outcome::kConflict) {
    worker_.counters.stream_conflicts.Add();
  } else if (outcome == names::Outcome::kCrowded) {
    worker_.counters.stream_waits.Add();
  } else {
    return;
  }
  if (worker_.protects_streams) at.packet.Drop(packet::DropReason::kStream);
}

void NameStage::NoteClient(const FlowPacket& at, Learning& learning) {
  learning.client_known = true;
  learning.client_end = at.sender;
  learning.client_side = at.packet.rx_side;
}

// The other end speaks as a client too, and on the same side: one of the two only borrowed the
// server's address, so that the other be taken for the server and not be read.
void NameStage::RefuseSecondClient(FlowPacket& at, const Learning& learning) {
  const packet::Side side = at.packet.rx_side;
  if (side == packet::Side::kUnknown || side != learning.client_side) return;
  FoundNames found;
  names::UdpNameFinder finder;
  finder.Consume(at.packet.payload(), PortsOf(at.packet.headers), *context_, found);
  if (found.all().empty() && !finder.in_progress()) return;
  worker_.counters.stream_faults[static_cast<size_t>(stream::SegmentFault::kWrongSide)].Add();
  if (worker_.protects_streams) at.packet.Drop(packet::DropReason::kStream);
}

void NameStage::LookUdp(FlowPacket& at, Learning& learning, FoundNames& found) {
  if (at.packet.headers.payload_bytes == 0) return;
  // What may be another hello is looked at however much has passed before.
  if (learning.names_done && !MayNameAgain(at)) return;
  // Both ends are looked at until one of them speaks as a client does: what was seen first may be
  // an answer.
  if (learning.client_known && at.sender != learning.client_end) {
    RefuseSecondClient(at, learning);
    return;
  }
  Refuse(at, learning.udp_names.Consume(at.packet.payload(), PortsOf(at.packet.headers), *context_,
                                        found));
  if (learning.datagrams < Learning::kPacketsMax) ++learning.datagrams;
  // The verdict waits for so many datagrams; a hello that was begun is followed to its end.
  const bool in_progress = learning.udp_names.in_progress();
  if (in_progress || !found.all().empty()) {
    NoteClient(at, learning);
  }
  const bool many = learning.datagrams == Learning::kPacketsMax;
  if ((!in_progress || many) && !learning.name_settled) {
    learning.name_settled = true;
    at.learnt = true;
  }
  const bool kept = worker_.protects_streams && learning.udp_names.Keeps(context_->attempts());
  if (!in_progress && !kept && (many || !found.all().empty())) learning.names_done = true;
}

void NameStage::LookAgain(FlowPacket& at, FoundNames& found) {
  names::UdpNameFinder finder;
  Refuse(at, finder.Consume(at.packet.payload(), PortsOf(at.packet.headers), *context_, found));
  if (!finder.in_progress()) return;
  // The hello goes on in the next datagram.
  if (!StartLearning(worker_, at.index)) {
    if (worker_.must_read()) at.packet.Drop(packet::DropReason::kStream);
    return;
  }
  Learning& learning = worker_.learning.at(at.cold.learning);
  learning.udp_names = finder;
  NoteClient(at, learning);
  learning.app_settled = true;
}

}  // namespace weir::pipeline
