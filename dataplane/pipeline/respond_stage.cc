#include "dataplane/pipeline/respond_stage.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/pipeline/direction.h"
#include "dataplane/respond/redirect.h"
#include "dataplane/respond/respond.h"

namespace weir::pipeline {
namespace {

using flow::Endpoint;
using packet::ip_protocol::kTcp;
using packet::ip_protocol::kUdp;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kSyn;
using respond::Towards;
using respond::Withheld;

constexpr size_t kDnsLengthBytes = 2;  // RFC 1035 §4.2.2

flow::StateBit FinOf(Endpoint end) {
  return end == Endpoint::kLow ? flow::kFinFromLow : flow::kFinFromHigh;
}

// What Weir has told a TCP flow's ends stands in the bits of its end, as it is one. All three: both
// were reset where they wait for it, and the flow is over soon. The reset bit with one FIN: it is
// remembered as long as any blocked flow. With the responder's FIN, a last segment stands for it.
bool WasTold(const flow::HotFlow& hot) {
  return hot.Has(flow::kReset) && (hot.Has(flow::kFinFromLow) || hot.Has(flow::kFinFromHigh));
}
bool GotLastSegment(const flow::HotFlow& hot) {
  const Endpoint initiator = hot.initiator();
  return hot.Has(flow::kReset) && hot.Has(FinOf(Other(initiator))) && !hot.Has(FinOf(initiator));
}
void SetTold(flow::HotFlow& hot, Endpoint finished) {
  hot.Set(flow::kReset);
  hot.Set(FinOf(finished));
}

// The bytes that an end has brought in; of this part of the session, so never too many.
uint64_t BroughtIn(const FlowPacket& at, Endpoint end) {
  const auto index = static_cast<size_t>(end);
  return uint64_t{at.hot.bytes[index]} + (uint64_t{at.cold.bytes_carry[index]} << 32);
}

bool OnItsSide(const FlowPacket& at) {
  return IsOnItsSide(at.packet, static_cast<events::Direction>(at.cold.direction),
                     at.from_initiator());
}

// One question, with the keywords that its HTTP request has beside the name.
bool IsOneQuestion(const FoundNames& found) {
  const auto all = found.all();
  return !all.empty() && all.front().request == all.back().request &&
         std::ranges::count(all, false, &FoundNames::Found::is_keyword) <= 1;
}

bool Has(const FoundNames& found, names::Source source) {
  return !found.all().empty() && found.all().front().source == source;
}

}  // namespace

RespondStage::RespondStage(Worker& worker)
    : worker_(worker),
      settings_(worker.options.respond),
      page_(settings_.block_page == nullptr ? respond::BlockPage::BuiltIn()
                                            : *settings_.block_page) {}

void RespondStage::Look(const FlowPacket& at, const FoundNames& found, bool sound) {
  const bool is_tcp = at.hot.key.protocol == kTcp;
  const bool passed = at.packet.action == packet::Action::kForward;
  if (!passed && at.packet.drop_reason != packet::DropReason::kRejected) return;
  // The initiator's first packet says which side is his.
  const bool news =
      is_tcp ? at.hot.Has(flow::kLearning) : !at.from_initiator() && !at.hot.Has(flow::kAnswered);
  if (news && sound && OnItsSide(at)) {
    if (!is_tcp) {
      at.hot.Set(flow::kAnswered);
    } else {
      Note(at, found, passed);
    }
  }
  if (!passed) Answer(at, found);
}

void RespondStage::Note(const FlowPacket& at, const FoundNames& found, bool passed) {
  const packet::Headers& headers = at.packet.headers;
  if (headers.note != packet::ParseNote::kComplete || headers.is_fragment) return;
  Learning& learning = worker_.learning.at(at.cold.learning);
  if (passed) {
    learning.conversation.Passed(at.packet, at.sender);
  } else {
    learning.conversation.Acknowledged(at.packet, at.sender);
  }
  if (learning.conversation.proven()) at.cold.conversed = 1;
  if (!passed || headers.payload_bytes == 0) return;
  if (!at.from_initiator()) {
    learning.reply_owed = false;
  } else if (!found.all().empty()) {
    learning.reply_owed = true;
  }
}

void RespondStage::OweReply(const FlowPacket& at) {
  if (at.hot.Has(flow::kLearning)) worker_.learning.at(at.cold.learning).reply_owed = true;
}

const Conversation* RespondStage::Known(const FlowPacket& at) const {
  if (!at.hot.Has(flow::kLearning)) return nullptr;
  const Conversation& talk = worker_.learning.at(at.cold.learning).conversation;
  return talk.proven() ? &talk : nullptr;
}

// The only question that is answered before anybody else has spoken: see the header.
bool RespondStage::IsDnsQuestion(const FlowPacket& at, const FoundNames& found) const {
  return at.hot.key.protocol == kUdp && settings_.dns != respond::DnsAnswer::kNone &&
         Has(found, names::Source::kDnsQuery) &&
         SidesOf(at.packet, worker_.options).src == packet::Side::kInside;
}

bool RespondStage::MayAnswer(const FlowPacket& at, bool is_dns) {
  if (!respond::CanBeTurnedAround(at.packet)) {
    Withhold(Withheld::kEncapsulated);
    return false;
  }
  if (!respond::MayBeAnswered(at.packet)) {
    Withhold(Withheld::kUnanswerable);
    return false;
  }
  bool conversed = false;
  if (at.hot.key.protocol != kTcp) {
    conversed = is_dns || at.hot.Has(flow::kAnswered);
  } else {
    const bool is_established = (at.packet.headers.tcp_flags & (kAck | kSyn)) == kAck;
    conversed = is_established && at.cold.conversed != 0;
  }
  if (!conversed || !OnItsSide(at)) {
    Withhold(Withheld::kNoConversation);
    return false;
  }
  if (worker_.limiter.Allow(at.packet.headers.src_ip, at.now.mono)) return true;
  Withhold(Withheld::kRate);
  return false;
}

void RespondStage::Answer(const FlowPacket& at, const FoundNames& found) {
  const bool is_tcp = at.hot.key.protocol == kTcp;
  // Whoever has got a last segment reads it in peace: a reset may take it out of his hands.
  const bool says_something =
      at.packet.headers.payload_bytes > 0 || (at.packet.headers.tcp_flags & kFin) != 0;
  if (is_tcp && GotLastSegment(at.hot) && at.from_initiator() && !says_something) return;

  const bool is_dns = IsDnsQuestion(at, found);
  if (!MayAnswer(at, is_dns)) return;
  if (is_tcp) {
    AnswerTcp(at, found);
  } else if (is_dns) {
    AnswerDns(at);
  } else {
    ProhibitOther(at);
  }
}

template <typename Build>
bool RespondStage::Send(Build build) {
  respond::OutFrame* frame = worker_.outbox.Add();
  if (frame == nullptr) {
    Withhold(Withheld::kNoRoom);
    return false;
  }
  if (build(*frame)) {
    worker_.counters.responses.Add();
    return true;
  }
  worker_.outbox.DropLast();
  Withhold(Withheld::kUnanswerable);
  return false;
}

void RespondStage::ProhibitOther(const FlowPacket& at) {
  Send([&](respond::OutFrame& frame) { return respond::Prohibit(at.packet, frame); });
}

// A flow that is dropped whatever name it asks for is one to a resolver that may not be used: then
// the name is not to blame, and the asker does well to try another resolver.
respond::DnsRefusal RespondStage::RefusalFor(const FlowPacket& at) const {
  if (at.hot.key.protocol == kUdp && at.hot.Has(flow::kDrops)) {
    return {respond::DnsAnswer::kRefused, respond::ExtendedError::kProhibited};
  }
  const bool forged = settings_.dns == respond::DnsAnswer::kSinkhole;
  return {settings_.dns,
          forged ? respond::ExtendedError::kForged : respond::ExtendedError::kBlocked};
}

void RespondStage::AnswerDns(const FlowPacket& at) {
  const auto query = at.packet.payload();
  const size_t room = std::min(query.size(), payload_.size());
  const size_t bytes =
      respond::WriteDnsRefusal(query, RefusalFor(at), settings_, std::span(payload_).first(room));
  if (bytes == 0) return Withhold(Withheld::kUnanswerable);
  Send([&](respond::OutFrame& frame) {
    return respond::ReplyDatagram(at.packet, std::span(payload_).first(bytes), frame);
  });
}

void RespondStage::AnswerTcp(const FlowPacket& at, const FoundNames& found) {
  const Conversation* talk = Known(at);
  const packet::Headers& headers = at.packet.headers;
  const Endpoint receiver = Other(at.sender);
  const bool was_told = WasTold(at.hot);
  const bool may_tell_receiver =
      !was_told && BroughtIn(at, receiver) >= respond::TcpDatagramBytes(at.packet, false, 0);
  respond::TcpPlace to_sender{headers.tcp_ack, headers.tcp_seq + headers.payload_bytes};
  respond::TcpPlace to_receiver{headers.tcp_seq, headers.tcp_ack};
  if (talk != nullptr) {
    to_sender = {talk->next(receiver), talk->NextBehind(at.packet, at.sender)};
    to_receiver = {talk->next(at.sender), headers.tcp_ack};
  }

  const bool in_stream = !was_told && talk != nullptr && AnswerInStream(at, found);
  if (!in_stream) {
    const bool sent = Send([&](respond::OutFrame& frame) {
      return respond::Reset(at.packet, Towards::kSender, to_sender, frame);
    });
    if (!sent) return;
    if (!was_told) SetTold(at.hot, at.hot.initiator());
  }
  if (was_told) return;
  if (!may_tell_receiver) return Withhold(Withheld::kBudget);
  const bool both = Send([&](respond::OutFrame& frame) {
    return respond::Reset(at.packet, Towards::kReceiver, to_receiver, frame);
  });
  if (both && talk != nullptr && !in_stream) at.hot.ResetByWeir();
}

// The flow's first answer, to a request that is the client's last word: a page, or what DNS says.
bool RespondStage::AnswerInStream(const FlowPacket& at, const FoundNames& found) {
  const Learning& learning = worker_.learning.at(at.cold.learning);
  const Conversation& talk = learning.conversation;
  // Before the answer to an earlier request it would be taken for that one.
  if (!at.from_initiator() || learning.reply_owed || !IsOneQuestion(found)) return false;
  const bool is_page =
      (settings_.http_page || GoesToPortal(at)) && Has(found, names::Source::kHttpHost);
  const bool is_dns =
      settings_.dns != respond::DnsAnswer::kNone && Has(found, names::Source::kDnsQuery);
  if (!is_page && !is_dns) return false;
  const uint32_t behind = talk.NextBehind(at.packet, at.sender);
  if (behind == talk.next(at.sender)) return false;  // behind a gap: there is more to come

  const Endpoint server = Other(at.sender);
  respond::TcpReply reply;
  reply.place = {talk.next(server), behind};
  const auto theirs = respond::ReadTcpTimestamps(at.packet);
  if (theirs.has_value()) {
    reply.timestamps = {talk.timestamp(server).value_or(theirs->echo), theirs->value};
  }
  const size_t head_bytes = respond::TcpDatagramBytes(at.packet, theirs.has_value(), 0);
  const uint64_t brought = BroughtIn(at, at.sender);
  if (brought <= head_bytes) return false;
  const size_t bytes_max =
      static_cast<size_t>(std::min<uint64_t>(brought - head_bytes, payload_.size()));
  const size_t bytes =
      is_page ? WritePayload(at, found, bytes_max) : WriteDnsOverTcp(at, bytes_max);
  if (bytes == 0) return false;
  reply.payload = std::span(payload_).first(bytes);
  const bool sent =
      Send([&](respond::OutFrame& frame) { return respond::Reply(at.packet, reply, frame); });
  if (sent) SetTold(at.hot, server);
  return sent;
}

bool RespondStage::GoesToPortal(const FlowPacket& at) const {
  return at.rule != nullptr && at.rule->to_portal && !settings_.portal.empty();
}

size_t RespondStage::WritePayload(const FlowPacket& at, const FoundNames& found, size_t bytes_max) {
  const auto room = std::span(payload_).first(bytes_max);
  if (GoesToPortal(at)) {
    const size_t redirect_bytes = respond::WriteRedirect(settings_.portal, room);
    if (redirect_bytes == 0) Withhold(Withheld::kBudget);
    return redirect_bytes;
  }
  respond::PageFacts facts;
  facts.name = found.all().back().name.view();
  facts.time = at.now.wall;
  if (at.rule != nullptr) {
    facts.rule = at.rule->id;
    facts.reason = at.rule->reason;
  }
  const size_t bytes = page_.Render(facts, room);
  if (bytes != 0) return bytes;
  const size_t short_bytes = respond::BlockPage::RenderShort(room);
  if (short_bytes == 0) Withhold(Withheld::kBudget);
  return short_bytes;
}

// A question in several segments, or with another behind it, is reset.
size_t RespondStage::WriteDnsOverTcp(const FlowPacket& at, size_t bytes_max) {
  const auto segment = at.packet.payload();
  if (segment.size() <= kDnsLengthBytes || bytes_max <= kDnsLengthBytes) return 0;
  const auto query = segment.subspan(kDnsLengthBytes);
  if (base::LoadBe<uint16_t>(segment.data()) != query.size()) return 0;
  const auto room = std::span(payload_).first(bytes_max);
  const size_t bytes =
      respond::WriteDnsRefusal(query, RefusalFor(at), settings_, room.subspan(kDnsLengthBytes));
  if (bytes == 0) return 0;
  base::StoreBe(payload_.data(), static_cast<uint16_t>(bytes));
  return kDnsLengthBytes + bytes;
}

}  // namespace weir::pipeline
