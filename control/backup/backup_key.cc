#include "control/backup/backup_key.h"

#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>

#include <fstream>
#include <string_view>
#include <system_error>

#include "control/backup/files.h"

namespace weir::control::backup {
namespace {

constexpr size_t kDigits = 2 * Key::kBytes;
constexpr mode_t kOthers = 077;

void Wipe(const Key::Bytes* bytes) {
  sodium_memzero(const_cast<Key::Bytes*>(bytes)->data(), bytes->size());
  delete bytes;
}

base::Status StartSodium() {
  if (sodium_init() < 0) return base::Error{"libsodium cannot be used on this machine"};
  return {};
}

}  // namespace

Key::Key(std::shared_ptr<const Bytes> bytes) : bytes_(std::move(bytes)) {
  constexpr std::string_view kPurpose = "weir key name";
  crypto_generichash(name_.data(), name_.size(),
                     reinterpret_cast<const unsigned char*>(kPurpose.data()), kPurpose.size(),
                     bytes_->data(), bytes_->size());
}

std::string Key::name_hex() const {
  std::string text;
  for (const unsigned char byte : name_) text += fmt::format("{:02x}", byte);
  return text;
}

base::Result<Key> Key::Load(const std::filesystem::path& file) {
  if (auto started = StartSodium(); !started.ok()) return started.error();
  struct stat stat {};
  if (::stat(file.c_str(), &stat) != 0) return SystemError(file, "read");
  if ((stat.st_mode & kOthers) != 0) {
    return base::Error{file.string() + ": others may read it: chmod 600, and think of a new key"};
  }
  std::array<char, kDigits + 2> text{};  // a line feed, and one more that may not be there
  std::ifstream in(file, std::ios::binary);
  in.read(text.data(), text.size());
  const auto size = static_cast<size_t>(in.gcount());
  const bool whole = size == kDigits || (size == kDigits + 1 && text[kDigits] == '\n');
  const std::shared_ptr<Bytes> bytes(new Bytes{}, Wipe);
  size_t decoded = 0;
  const bool good = whole && sodium_hex2bin(bytes->data(), bytes->size(), text.data(), kDigits,
                                            nullptr, &decoded, nullptr) == 0;
  sodium_memzero(text.data(), text.size());
  if (!good || decoded != kBytes) {
    return base::Error{fmt::format("{}: expected a key of {} hex digits", file.string(), kDigits)};
  }
  return Key(bytes);
}

base::Result<Key> Key::LoadOrMake(const std::filesystem::path& file, bool& made) {
  made = false;
  std::error_code unreadable;
  if (std::filesystem::exists(file, unreadable) || unreadable) return Load(file);
  if (auto started = StartSodium(); !started.ok()) return started.error();
  Bytes bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, kDigits + 1> digits{};
  sodium_bin2hex(digits.data(), digits.size(), bytes.data(), bytes.size());
  sodium_memzero(bytes.data(), bytes.size());
  digits[kDigits] = '\n';  // in place of the zero
  const auto written = WriteNewFile(file, {digits.data(), digits.size()}, 0600);
  sodium_memzero(digits.data(), digits.size());
  if (!written.ok()) return written.error();
  made = true;
  return Load(file);
}

}  // namespace weir::control::backup
