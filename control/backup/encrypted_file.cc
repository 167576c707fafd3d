#include "control/backup/encrypted_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "dataplane/base/sha256.h"

namespace weir::control::backup {
namespace {

constexpr std::string_view kMagic = "weirenc1";
constexpr size_t kStreamHeaderBytes = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
constexpr size_t kHeadBytes = kMagic.size() + Key::kNameBytes + kStreamHeaderBytes;
constexpr size_t kChunkOverhead = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr unsigned char kMore = crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
constexpr unsigned char kLast = crypto_secretstream_xchacha20poly1305_TAG_FINAL;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
std::string_view Text(const unsigned char* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// One thread; writes the head when it begins, and a chunk at each call.
class Encryptor {
 public:
  Encryptor(const Key& key, std::string_view purpose, NewFile& out)
      : purpose_(purpose), out_(out), cipher_(kChunkBytes + kChunkOverhead) {
    std::array<unsigned char, kStreamHeaderBytes> header{};
    crypto_secretstream_xchacha20poly1305_init_push(&state_, header.data(), key.data());
    head_ = kMagic;
    head_ += Text(key.name().data(), key.name().size());
    head_ += Text(header.data(), header.size());
  }
  ~Encryptor() { sodium_memzero(&state_, sizeof state_); }
  Encryptor(const Encryptor&) = delete;
  Encryptor& operator=(const Encryptor&) = delete;

  // At most kChunkBytes.
  base::Status Add(std::string_view plain, bool last) {
    if (!head_.empty()) {
      if (auto written = out_.Write(head_); !written.ok()) return written;
      head_.clear();
    }
    unsigned long long size = 0;
    crypto_secretstream_xchacha20poly1305_push(&state_, cipher_.data(), &size, Bytes(plain),
                                               plain.size(), Bytes(purpose_), purpose_.size(),
                                               last ? kLast : kMore);
    return out_.Write(Text(cipher_.data(), size));
  }

 private:
  const std::string_view purpose_;
  NewFile& out_;
  std::string head_;
  std::vector<unsigned char> cipher_;
  crypto_secretstream_xchacha20poly1305_state state_{};
};

// Opens the file's head; what is wrong with it is a sentence.
base::Status StartDecrypting(const Key& key, int fd, const std::filesystem::path& file,
                             crypto_secretstream_xchacha20poly1305_state& state) {
  std::array<char, kHeadBytes> head{};
  const auto got = ReadUpTo(fd, head.data(), head.size(), file);
  if (!got.ok()) return got.error();
  if (*got != head.size()) return base::Error{file.string() + ": is cut short"};
  if (std::string_view(head.data(), kMagic.size()) != kMagic) {
    return base::Error{file.string() + ": is no encrypted file of Weir, or its head is damaged"};
  }
  if (std::memcmp(head.data() + kMagic.size(), key.name().data(), key.name().size()) != 0) {
    return base::Error{file.string() +
                       ": was encrypted with another key than this one, or its head is damaged"};
  }
  const char* header = head.data() + kMagic.size() + Key::kNameBytes;
  if (crypto_secretstream_xchacha20poly1305_init_pull(
          &state, reinterpret_cast<const unsigned char*>(header), key.data()) != 0) {
    return base::Error{file.string() + ": its head is damaged"};
  }
  return {};
}

}  // namespace

uint64_t EncryptedBytes(uint64_t plain_bytes) {
  const uint64_t chunks = std::max<uint64_t>(1, (plain_bytes + kChunkBytes - 1) / kChunkBytes);
  return kHeadBytes + plain_bytes + chunks * kChunkOverhead;
}

base::Result<FileDigest> EncryptFile(const Key& key, std::string_view purpose,
                                     const std::filesystem::path& from,
                                     const std::filesystem::path& to, const Step& step) {
  const base::UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return SystemError(from, "read");
  auto out = NewFile::Make(to, 0600);
  if (!out.ok()) return out.error();
  Encryptor encryptor(key, purpose, *out);
  base::Sha256 sha256;
  FileDigest digest;
  // A chunk ahead: the last one is marked, and a file may end with a full one.
  std::vector<char> chunk(kChunkBytes);
  std::vector<char> next(kChunkBytes);
  auto got = ReadUpTo(in.get(), chunk.data(), chunk.size(), from);
  if (!got.ok()) return got.error();
  for (size_t size = *got;;) {
    got = ReadUpTo(in.get(), next.data(), next.size(), from);
    if (!got.ok()) return got.error();
    const bool last = *got == 0;
    sha256.Add({chunk.data(), size});
    digest.bytes += size;
    if (auto added = encryptor.Add({chunk.data(), size}, last); !added.ok()) return added.error();
    if (!step(size)) return base::Error{kCancelled};
    if (last) break;
    chunk.swap(next);
    size = *got;
  }
  digest.sha256 = sha256.Hex();
  if (auto committed = out->Commit(); !committed.ok()) return committed.error();
  return digest;
}

base::Status EncryptText(const Key& key, std::string_view purpose, std::string_view text,
                         const std::filesystem::path& to) {
  auto out = NewFile::Make(to, 0600);
  if (!out.ok()) return out.error();
  Encryptor encryptor(key, purpose, *out);
  bool last = false;
  while (!last) {
    const std::string_view chunk = text.substr(0, kChunkBytes);
    text.remove_prefix(chunk.size());
    last = text.empty();
    if (auto added = encryptor.Add(chunk, last); !added.ok()) return added;
  }
  return out->Commit();
}

base::Result<FileDigest> Decrypt(const Key& key, std::string_view purpose,
                                 const std::filesystem::path& from, const Sink& sink) {
  const base::UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return SystemError(from, "read");
  crypto_secretstream_xchacha20poly1305_state state{};
  if (auto started = StartDecrypting(key, in.get(), from, state); !started.ok()) {
    return started.error();
  }
  std::vector<char> cipher(kChunkBytes + kChunkOverhead);
  std::vector<unsigned char> plain(kChunkBytes);
  base::Sha256 sha256;
  FileDigest digest;
  for (unsigned char tag = kMore; tag != kLast;) {
    const auto got = ReadUpTo(in.get(), cipher.data(), cipher.size(), from);
    if (!got.ok()) return got.error();
    if (*got == 0) return base::Error{from.string() + ": is cut short"};
    unsigned long long size = 0;
    const bool authentic =
        *got >= kChunkOverhead &&
        crypto_secretstream_xchacha20poly1305_pull(&state, plain.data(), &size, &tag,
                                                   reinterpret_cast<unsigned char*>(cipher.data()),
                                                   *got, Bytes(purpose), purpose.size()) == 0;
    if (!authentic) {
      return base::Error{
          fmt::format("{}: is damaged, cut short or not what belongs there, after {} good bytes",
                      from.string(), digest.bytes)};
    }
    const std::string_view piece = Text(plain.data(), size);
    sha256.Add(piece);
    digest.bytes += size;
    if (auto taken = sink(piece); !taken.ok()) return taken.error();
  }
  char more = 0;
  const auto got = ReadUpTo(in.get(), &more, 1, from);
  if (!got.ok()) return got.error();
  if (*got != 0) return base::Error{from.string() + ": has bytes behind its end"};
  digest.sha256 = sha256.Hex();
  return digest;
}

base::Result<std::string> DecryptText(const Key& key, std::string_view purpose,
                                      const std::filesystem::path& from, uint64_t bytes_max) {
  std::string text;
  const auto read = Decrypt(key, purpose, from, [&](std::string_view piece) -> base::Status {
    if (text.size() + piece.size() > bytes_max) {
      return base::Error{fmt::format("{}: is longer than {} bytes", from.string(), bytes_max)};
    }
    text += piece;
    return {};
  });
  if (!read.ok()) return read.error();
  return text;
}

}  // namespace weir::control::backup
