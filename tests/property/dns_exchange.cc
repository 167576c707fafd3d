// DNS queries, alone in a datagram or with their length on a stream.
#include <string>

#include "tests/property/exchange.h"

namespace weir::property {
namespace {

constexpr uint16_t kTypes[] = {1, 28, 65, 16};
constexpr size_t kHeaderBytes = 12;

void Append16(Bytes& to, size_t value) {
  to.push_back(static_cast<uint8_t>(value >> 8));
  to.push_back(static_cast<uint8_t>(value));
}

void AppendName(Random& random, Bytes& to, std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  const bool mix = random.OneIn(2);  // "0x20": letters of random case
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    to.push_back(static_cast<uint8_t>(label.size()));
    for (const char c : label) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      to.push_back(static_cast<uint8_t>(mix && letter && random.OneIn(2) ? c ^ 0x20 : c));
    }
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  to.push_back(0);
}

Bytes Query(Random& random, std::string_view name, Range& letters) {
  Bytes out;
  const bool edns = random.OneIn(2);
  Append16(out, random.Below(65536));
  Append16(out, 0x0100);
  Append16(out, 1);
  Append16(out, 0);
  Append16(out, 0);
  Append16(out, edns ? 1 : 0);
  letters.begin = kHeaderBytes + 1;
  AppendName(random, out, name);
  letters.end = static_cast<uint32_t>(out.size() - 1);
  Append16(out, random.Of(kTypes));
  Append16(out, 1);
  if (edns) {
    for (const int byte : {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}) {
      out.push_back(static_cast<uint8_t>(byte));
    }
  }
  return out;
}

}  // namespace

Message DnsQuery(Random& random, std::string_view name, bool over_tcp) {
  Message message;
  Range letters;
  const Bytes query = Query(random, name, letters);
  Bytes answer = query;
  answer.at(2) = static_cast<uint8_t>(answer.at(2) | 0x80);
  if (over_tcp) {
    Append16(message.bytes, query.size());
    message.bytes.insert(message.bytes.end(), query.begin(), query.end());
    Append16(message.reply, answer.size());
    message.reply.insert(message.reply.end(), answer.begin(), answer.end());
    letters = {letters.begin + 2, letters.end + 2};
  } else {
    message.datagrams = message.again = {{query, {{0, 1}}}};
    message.whole = 1;
    message.reply = answer;
    Bytes decoy = query;
    for (uint32_t at = letters.begin; at < letters.end; ++at) {
      if (decoy[at] >= 'a' && decoy[at] <= 'z') decoy[at] = 'z';
    }
    message.decoys = {decoy};
  }
  message.asked.push_back({Canonical(name), static_cast<uint32_t>(message.bytes.size()), letters});
  return message;
}

}  // namespace weir::property
