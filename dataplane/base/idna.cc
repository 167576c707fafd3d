#include "dataplane/base/idna.h"

#include <algorithm>

#include "dataplane/base/utf8.h"

namespace weir::base {
namespace {

constexpr std::string_view kAcePrefix = "xn--";

// Capital letters from `first` to `last`: by `add`, or (pairs) each capital next before its small
// one.
struct FoldRange {
  char32_t first;
  char32_t last;
  int32_t add;
  bool pairs;
};

constexpr FoldRange kFolds[] = {
    {U'A', U'Z', 32, false},     {0x00c0, 0x00d6, 32, false},  // Latin-1
    {0x00d8, 0x00de, 32, false}, {0x0100, 0x012f, 1, true},    // Latin Extended-A
    {0x0132, 0x0137, 1, true},   {0x0139, 0x0148, 1, true},
    {0x014a, 0x0177, 1, true},   {0x0178, 0x0178, -121, false},
    {0x0179, 0x017e, 1, true},   {0x0386, 0x0386, 38, false},  // Greek
    {0x0388, 0x038a, 37, false}, {0x038c, 0x038c, 64, false},
    {0x038e, 0x038f, 63, false}, {0x0391, 0x03a1, 32, false},
    {0x03a3, 0x03ab, 32, false}, {0x0400, 0x040f, 80, false},  // Cyrillic
    {0x0410, 0x042f, 32, false}, {0x0460, 0x0481, 1, true},
    {0x048a, 0x04bf, 1, true},   {0x04c0, 0x04c0, 15, false},
    {0x04c1, 0x04ce, 1, true},   {0x04d0, 0x052f, 1, true},
    {0x0531, 0x0556, 48, false},  // Armenian
    {0x1e00, 0x1e95, 1, true},    // Latin Extended Additional
    {0x1ea0, 0x1eff, 1, true},
};

// Simple case folding, full-width forms to ASCII, and every kind of stop to a dot.
char32_t Fold(char32_t c) {
  if (c >= 0xff01 && c <= 0xff5e) c -= 0xfee0;
  if (c == 0x3002 || c == 0xff61) return U'.';
  for (const FoldRange& range : kFolds) {
    if (c < range.first) return c;
    if (c > range.last) continue;
    const bool capital = !range.pairs || (c - range.first) % 2 == 0;
    return capital ? static_cast<char32_t>(static_cast<int32_t>(c) + range.add) : c;
  }
  return c;
}

bool IsSpaceOrControl(char32_t c) {
  return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x3000;
}

// Collects labels and writes them; every method returns the fault that ends the name.
class HostWriter {
 public:
  explicit HostWriter(HostBuffer& out) : out_(out) {}

  HostFault AddToLabel(char32_t c) {
    if (label_count_ == label_.size()) return HostFault::kLabelTooLong;
    label_[label_count_++] = c;
    return HostFault::kNone;
  }

  HostFault EndLabel() {
    if (label_count_ == 0) return HostFault::kEmptyLabel;
    const std::span<const char32_t> label(label_.data(), label_count_);
    label_count_ = 0;
    std::array<char, kLabelBytesMax> ascii;
    size_t bytes = 0;
    if (std::all_of(label.begin(), label.end(), [](char32_t c) { return c < 0x80; })) {
      bytes = label.size();
      std::transform(label.begin(), label.end(), ascii.begin(),
                     [](char32_t c) { return static_cast<char>(c); });
    } else {
      std::copy(kAcePrefix.begin(), kAcePrefix.end(), ascii.begin());
      const size_t coded = PunycodeEncode(label, std::span(ascii).subspan(kAcePrefix.size()));
      if (coded == 0) return HostFault::kLabelTooLong;
      bytes = kAcePrefix.size() + coded;
    }
    return Append({ascii.data(), bytes});
  }

  size_t size() const { return size_; }
  bool label_empty() const { return label_count_ == 0; }

 private:
  HostFault Append(std::string_view label) {
    const size_t dot = size_ == 0 ? 0 : 1;
    if (size_ + dot + label.size() > out_.size()) return HostFault::kTooLong;
    if (dot != 0) out_[size_++] = '.';
    std::copy(label.begin(), label.end(), out_.begin() + static_cast<ptrdiff_t>(size_));
    size_ += label.size();
    return HostFault::kNone;
  }

  HostBuffer& out_;
  size_t size_ = 0;
  std::array<char32_t, kLabelBytesMax> label_;
  size_t label_count_ = 0;
};

// RFC 3492 §6.1, with the parameters of §5.
constexpr uint32_t kBase = 36, kTMin = 1, kTMax = 26, kSkew = 38, kDamp = 700, kInitialBias = 72;
constexpr char32_t kInitialN = 0x80;

uint32_t AdaptBias(uint32_t delta, uint32_t points, bool first) {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / points;
  uint32_t k = 0;
  for (; delta > ((kBase - kTMin) * kTMax) / 2; k += kBase) delta /= kBase - kTMin;
  return k + (kBase - kTMin + 1) * delta / (delta + kSkew);
}

char PunycodeDigit(uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26));
}

// One delta as a generalized variable-length integer (§3.3); false when there is no room.
bool WriteDelta(uint32_t delta, uint32_t bias, std::span<char> out, size_t& size) {
  for (uint32_t k = kBase;; k += kBase) {
    const uint32_t threshold = k <= bias ? kTMin : std::min(k - bias, kTMax);
    if (size == out.size()) return false;
    if (delta < threshold) break;
    out[size++] = PunycodeDigit(threshold + (delta - threshold) % (kBase - threshold));
    delta = (delta - threshold) / (kBase - threshold);
  }
  out[size++] = PunycodeDigit(delta);
  return true;
}

// 26 and more: none.
uint32_t DigitOf(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<uint32_t>(c - 'a');
  if (c >= 'A' && c <= 'Z') return static_cast<uint32_t>(c - 'A');
  return c >= '0' && c <= '9' ? static_cast<uint32_t>(c - '0') + 26 : kBase;
}

// Adds one integer to `index`; false when it ends too early or overflows.
bool ReadDelta(std::string_view& coded, uint32_t bias, uint32_t& index) {
  uint64_t weight = 1;
  for (uint32_t k = kBase;; k += kBase) {
    if (coded.empty()) return false;
    const uint32_t digit = DigitOf(coded.front());
    coded.remove_prefix(1);
    if (digit >= kBase) return false;
    const uint64_t grown = index + digit * weight;
    if (grown > 0x7fffffff) return false;
    index = static_cast<uint32_t>(grown);
    const uint32_t threshold = k <= bias ? kTMin : std::min(k - bias, kTMax);
    if (digit < threshold) return true;
    weight *= kBase - threshold;
    if (weight > 0x7fffffff) return false;
  }
}

// Appends to `out` and returns how many bytes; 0 when the label does not decode.
size_t WriteReadable(std::string_view label, std::span<char> out) {
  if (!label.starts_with(kAcePrefix)) return 0;
  std::array<char32_t, kLabelBytesMax> points;
  const size_t count = PunycodeDecode(label.substr(kAcePrefix.size()), points);
  if (count * kUtf8BytesMax > out.size()) return 0;
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes += PutUtf8(points[i], out.data() + bytes);
  return bytes;
}

}  // namespace

std::string_view HostFaultText(HostFault fault) {
  switch (fault) {
    case HostFault::kNone:
      return "";
    case HostFault::kEmpty:
      return "the name is empty";
    case HostFault::kTooLong:
      return "the name is longer than 253 bytes";
    case HostFault::kLabelTooLong:
      return "a part between dots is longer than 63 bytes";
    case HostFault::kEmptyLabel:
      return "nothing stands between two dots";
    case HostFault::kBadCharacter:
      return "the name holds a space or a control character";
    case HostFault::kBadUtf8:
      return "the name is not UTF-8";
  }
  return "";
}

size_t PunycodeEncode(std::span<const char32_t> label, std::span<char> out) {
  size_t size = 0;
  for (const char32_t c : label) {
    if (c >= kInitialN) continue;
    if (size == out.size()) return 0;
    out[size++] = static_cast<char>(c);
  }
  const auto basic = static_cast<uint32_t>(size);
  uint32_t handled = basic;
  if (basic > 0) {
    if (size == out.size()) return 0;
    out[size++] = '-';
  }
  uint32_t delta = 0;
  uint32_t bias = kInitialBias;
  for (char32_t n = kInitialN; handled < label.size(); ++n, ++delta) {
    char32_t next = 0x7fffffff;
    for (const char32_t c : label) {
      if (c >= n) next = std::min(next, c);
    }
    const uint64_t grown = delta + uint64_t{next - n} * (handled + 1);
    if (grown > 0x7fffffff) return 0;
    delta = static_cast<uint32_t>(grown);
    n = next;
    for (const char32_t c : label) {
      if (c < n) ++delta;
      if (c != n) continue;
      if (!WriteDelta(delta, bias, out, size)) return 0;
      bias = AdaptBias(delta, handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
  }
  return size;
}

// RFC 3492 §6.2.
size_t PunycodeDecode(std::string_view coded, std::span<char32_t> out) {
  const size_t dash = coded.rfind('-');
  const std::string_view basic = dash == std::string_view::npos ? "" : coded.substr(0, dash);
  if (basic.size() > out.size()) return 0;
  std::copy(basic.begin(), basic.end(), out.begin());
  size_t size = basic.size();
  if (dash != std::string_view::npos) coded.remove_prefix(dash + 1);
  uint64_t n = kInitialN;
  uint32_t index = 0;
  uint32_t bias = kInitialBias;
  while (!coded.empty()) {
    const uint32_t before = index;
    if (size == out.size() || !ReadDelta(coded, bias, index)) return 0;
    const auto points = static_cast<uint32_t>(size) + 1;
    bias = AdaptBias(index - before, points, before == 0);
    n += index / points;
    index %= points;
    if (n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff)) return 0;
    std::copy_backward(out.begin() + index, out.begin() + static_cast<ptrdiff_t>(size),
                       out.begin() + static_cast<ptrdiff_t>(size) + 1);
    out[index++] = static_cast<char32_t>(n);
    ++size;
  }
  return size;
}

std::string_view ReadableHost(std::string_view host, ReadableHostBuffer& out) {
  if (host.size() > kHostBytesMax || host.find(kAcePrefix) == std::string_view::npos) return host;
  size_t size = 0;
  while (!host.empty()) {
    const std::string_view label = host.substr(0, host.find('.'));
    const auto room = std::span(out).subspan(size);
    if (const size_t bytes = WriteReadable(label, room); bytes != 0) {
      size += bytes;
    } else {
      std::copy(label.begin(), label.end(), room.begin());
      size += label.size();
    }
    host.remove_prefix(label.size());
    if (host.empty()) break;
    out[size++] = '.';
    host.remove_prefix(1);
  }
  return {out.data(), size};
}

NormalHost NormaliseHost(std::string_view host, HostBuffer& out) {
  HostWriter writer(out);
  while (!host.empty()) {
    char32_t c = 0;
    if (!TakeUtf8(host, c)) return {{}, HostFault::kBadUtf8};
    c = Fold(c);
    if (IsSpaceOrControl(c)) return {{}, HostFault::kBadCharacter};
    const HostFault fault = c == U'.' ? writer.EndLabel() : writer.AddToLabel(c);
    if (fault != HostFault::kNone) return {{}, fault};
  }
  if (writer.size() == 0 && writer.label_empty()) return {{}, HostFault::kEmpty};
  if (!writer.label_empty()) {
    const HostFault fault = writer.EndLabel();
    if (fault != HostFault::kNone) return {{}, fault};
  }
  return {{out.data(), writer.size()}, HostFault::kNone};
}

}  // namespace weir::base
