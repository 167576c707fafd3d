#include "tests/property/conversation.h"

#include "tests/property/talk.h"

namespace weir::property {
namespace {

constexpr std::string_view kOverlapWords[] = {"first bytes", "last bytes", "BSD", "Linux",
                                              "Windows"};
static_assert(std::size(kOverlapWords) == static_cast<size_t>(Overlap::kCount));

ServerKind AnyServer(Random& random) {
  ServerKind kind;
  kind.overlap = static_cast<Overlap>(random.Below(static_cast<uint32_t>(Overlap::kCount)));
  kind.drops_overlapping_fragments = random.OneIn(2);
  kind.minds_ack = !random.OneIn(3);
  kind.minds_timestamps = !random.OneIn(3);
  kind.minds_md5 = !random.OneIn(3);
  kind.resets_in_window = random.OneIn(3);
  return kind;
}

std::string SizesOf(const Message& message) {
  std::string text;
  for (const Asked& asked : message.asked) text += ' ' + asked.name;
  text += " (" + std::to_string(message.bytes.size());
  for (const Datagram& datagram : message.datagrams) {
    text += '+' + std::to_string(datagram.payload.size());
  }
  return text + " bytes)" + (message.at_once ? " at once" : "");
}

}  // namespace

Case MakeCase(uint64_t seed, bool hostile) {
  Random random(seed * 2 + (hostile ? 1 : 0));
  Case made;
  made.seed = seed;
  made.hostile = hostile;
  // Of those who are tampered with some ask for nothing that is blocked.
  made.exchange = MakeExchange(random, hostile && !random.OneIn(4));
  if (hostile) made.server = AnyServer(random);
  made.ops = hostile ? HostileOps(random, made.exchange) : HonestOps(random, made.exchange);
  return made;
}

std::string Words(const Case& of) {
  const Exchange& exchange = of.exchange;
  std::string text = "seed " + std::to_string(of.seed) + (of.hostile ? " (hostile)" : "") + ": ";
  text += ProtocolWord(exchange.protocol);
  text += " from " + exchange.client + ' ' + std::to_string(exchange.client_port) + " to " +
          exchange.server + ' ' + std::to_string(exchange.server_port) + '\n';
  text += "policy:\n";
  text += Policies()[exchange.policy].text;
  if (of.hostile) {
    text += "server: ";
    text += kOverlapWords[static_cast<size_t>(of.server.overlap)];
    text += " win; minds ack " + std::to_string(of.server.minds_ack) + ", timestamps " +
            std::to_string(of.server.minds_timestamps) + ", MD5 " +
            std::to_string(of.server.minds_md5) + ", overlapping fragments " +
            std::to_string(of.server.drops_overlapping_fragments) + '\n';
  }
  for (const Message& message : exchange.messages) text += "message" + SizesOf(message) + '\n';
  for (const Op& op : of.ops) text += "- " + Words(op) + '\n';
  return text;
}

Outcome Converse(testing::PipelineHarness& bench, const Case& of, bool keep) {
  Outcome outcome = of.exchange.is_tcp() ? ConverseInStream(bench, of, keep)
                                         : ConverseInDatagrams(bench, of, keep);
  bench.CloseAll();
  for (const auto& [id, session] : bench.events().sessions()) outcome.sessions.push_back(session);
  outcome.findings = bench.events().findings();
  bench.ClearEvents();
  // Whatever else Weir remembers of these addresses has run out when the next case begins.
  constexpr double kLongSeconds = 600;
  bench.Advance(kLongSeconds);
  bench.Tick();
  return outcome;
}

}  // namespace weir::property
