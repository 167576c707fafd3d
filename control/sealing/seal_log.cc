#include "control/sealing/seal_log.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <system_error>

#include "control/sealing/durable_file.h"

namespace weir::control::sealing {
namespace {

constexpr std::string_view kEndOfSeal = "\n\n";

base::Status CutAt(const std::filesystem::path& file, uint64_t size) {
  std::error_code failed;
  std::filesystem::resize_file(file, size, failed);
  if (failed) return base::Error{file.string() + ": cannot be mended: " + failed.message()};
  return {};
}

}  // namespace

base::Result<std::string> SealLog::ReadWhole() const {
  if (!std::filesystem::exists(file_)) return std::string();
  std::ifstream in(file_, std::ios::binary);
  std::ostringstream text;
  if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (in.bad() || !in.is_open()) return base::Error{file_.string() + ": cannot be read"};
  return text.str();
}

base::Result<std::vector<LoggedSeal>> SealLog::Read() const {
  const auto whole = ReadWhole();
  if (!whole.ok()) return whole.error();
  std::vector<LoggedSeal> seals;
  std::string_view rest(*whole);
  for (size_t end = rest.find(kEndOfSeal); end != rest.npos; end = rest.find(kEndOfSeal)) {
    LoggedSeal& logged = seals.emplace_back();
    logged.text = rest.substr(0, end + kEndOfSeal.size());
    logged.digest = SealDigest(logged.text);
    if (auto parsed = ParseSeal(logged.text); parsed.ok()) logged.seal = std::move(parsed->seal);
    rest.remove_prefix(logged.text.size());
  }
  return seals;
}

base::Status SealLog::Open() {
  const auto whole = ReadWhole();
  if (!whole.ok()) return whole.error();
  const size_t end = whole->rfind(kEndOfSeal);
  end_ = end == std::string::npos ? 0 : end + kEndOfSeal.size();
  return end_ == whole->size() ? base::Status() : CutAt(file_, end_);
}

base::Status SealLog::Append(const std::string& text) {
  std::error_code failed;
  const uint64_t size = std::filesystem::file_size(file_, failed);
  if (!failed && size > end_) {
    if (auto cut = CutAt(file_, end_); !cut.ok()) return cut;
  }
  if (auto written = AppendDurably(file_, text, 0644); !written.ok()) return written;
  end_ = std::filesystem::file_size(file_, failed);
  return {};
}

std::vector<std::string> CheckSeal(const LoggedSeal& logged, const LoggedSeal* previous,
                                   const PublicKey& key) {
  if (!logged.seal) return {"its text has been changed: it is no seal any more"};
  const Seal& seal = *logged.seal;
  std::vector<std::string> faults;
  const auto parsed = ParseSeal(logged.text);
  if (seal.signer != key.fingerprint()) {
    faults.push_back(fmt::format("it is signed by another key, {}", seal.signer));
  } else if (!key.Verifies(parsed.value().signed_text, parsed.value().signature)) {
    faults.emplace_back("its signature is not of this text");
  }
  const std::string expected = previous == nullptr ? std::string(kNoPrevious) : previous->digest;
  if (seal.previous != expected) {
    faults.emplace_back(previous == nullptr ? "there were seals before it, and they are gone"
                                            : "the seal before it is not the one that was there");
  }
  if (previous != nullptr && previous->seal) {
    if (seal.number != previous->seal->number + 1) {
      faults.push_back(fmt::format("it has number {}, and should have {}", seal.number,
                                   previous->seal->number + 1));
    }
    if (seal.record != previous->seal->record) {
      faults.emplace_back("it belongs to another record");
    }
  }
  return faults;
}

}  // namespace weir::control::sealing
