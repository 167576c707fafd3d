#include "control/portal/syslog_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace weir::control::portal {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kHostBytesMax = 255;  // RFC 5424 §6

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes words off the front of a text; never reads behind its end.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  std::string_view rest() const { return rest_; }
  bool Take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  std::string_view TakeBytes(size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // Up to a space, and the space.
  std::string_view TakeWord() {
    const std::string_view word = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(word.size());
    Take(" ");
    return word;
  }

 private:
  std::string_view rest_;
};

// "<0>" to "<191>".
void PassPriority(Scanner& scanner) {
  Scanner ahead = scanner;
  if (!ahead.Take("<")) return;
  const std::string_view digits = ahead.rest().substr(0, ahead.rest().find('>'));
  const bool number =
      !digits.empty() && digits.size() <= 3 && std::all_of(digits.begin(), digits.end(), IsDigit);
  if (!number) return;
  ahead.TakeBytes(digits.size());
  if (ahead.Take(">")) scanner = ahead;
}

// "-", or elements in brackets whose quoted values may hold "\]". The length; 0: it is none.
size_t StructuredDataBytes(std::string_view text) {
  if (text.starts_with('-')) return 1;
  size_t at = 0;
  while (at < text.size() && text[at] == '[') {
    bool quoted = false;
    for (++at; at < text.size() && (quoted || text[at] != ']'); ++at) {
      if (quoted && text[at] == '\\') {
        ++at;
      } else if (text[at] == '"') {
        quoted = !quoted;
      }
    }
    if (at >= text.size()) return 0;
    ++at;
  }
  return at;
}

// RFC 5424 §6.2, behind the priority: version, time, host, application, process, message's id.
bool ReadRfc5424(Scanner scanner, SyslogLine& line) {
  if (!scanner.Take("1 ")) return false;
  const std::string_view time = scanner.TakeWord();
  const std::string_view host = scanner.TakeWord();
  for (int i = 0; i < 3; ++i) {
    if (scanner.TakeWord().empty()) return false;
  }
  const size_t data_bytes = StructuredDataBytes(scanner.rest());
  if (time.empty() || host.empty() || data_bytes == 0) return false;
  if (time != "-") {
    const auto parsed = base::ParseRfc3339(time);
    if (!parsed) return false;
    line.time = *parsed;
  }
  if (host != "-") line.host = host;
  if (scanner.Take("-")) scanner.Take(" ");
  scanner.Take(kByteOrderMark);
  line.text = scanner.rest();
  return true;
}

// "Nov  2 08:05:09": RFC 3164 §4.1.2.
bool PassRfc3164Time(Scanner& scanner) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::string_view kForm = "Mmm dd 00:00:00 ";
  Scanner ahead = scanner;
  const std::string_view time = ahead.TakeBytes(kForm.size());
  if (time.size() != kForm.size()) return false;
  if (std::find(kMonths.begin(), kMonths.end(), time.substr(0, 3)) == kMonths.end()) return false;
  for (size_t i = 3; i < kForm.size(); ++i) {
    const bool padded = kForm[i] == 'd' && time[i] == ' ';
    const bool digit = (kForm[i] == 'd' || kForm[i] == '0') && IsDigit(time[i]);
    if (!padded && !digit && time[i] != kForm[i]) return false;
  }
  scanner = ahead;
  return true;
}

}  // namespace

SyslogLine ReadSyslogLine(std::string_view datagram) {
  constexpr std::string_view kEnds("\n\r\0", 3);
  const size_t last = datagram.find_last_not_of(kEnds);
  datagram = datagram.substr(0, last == std::string_view::npos ? 0 : last + 1);
  SyslogLine line;
  Scanner scanner(datagram);
  PassPriority(scanner);
  if (ReadRfc5424(scanner, line)) return line;
  line = {};
  if (PassRfc3164Time(scanner)) line.host = scanner.TakeWord();
  if (line.host.size() > kHostBytesMax) line.host = {};
  scanner.Take(kByteOrderMark);
  line.text = scanner.rest();
  return line;
}

std::string Shown(std::string_view line, size_t bytes_max) {
  std::string shown;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x20 && byte < 0x7f;
    const std::string piece = plain ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
    if (shown.size() + piece.size() > bytes_max) break;
    shown += piece;
  }
  return shown;
}

}  // namespace weir::control::portal
