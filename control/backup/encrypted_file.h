// Files encrypted and authenticated in chunks (libsodium's crypto_secretstream_xchacha20poly1305):
// for backups, and for evidence. The bytes are docs/formats/backup.md.
//
// What a file is for, its purpose, is authenticated with it: a file in another's place is refused
// as one that was changed is. Nothing that was read is handed out before it is authenticated; a
// file cut short is found at its end only.
//
// Any thread; memory for two chunks, whatever the size. Errors name the encrypted file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "control/backup/backup_key.h"
#include "control/backup/files.h"
#include "dataplane/base/result.h"

namespace weir::control::backup {

inline constexpr size_t kChunkBytes = 256 << 10;  // of plain text

// `from` into `to`, which is there as a whole or not at all. The digest is of the plain text.
base::Result<FileDigest> EncryptFile(const Key& key, std::string_view purpose,
                                     const std::filesystem::path& from,
                                     const std::filesystem::path& to, const Step& step);
// The same for a text in memory.
base::Status EncryptText(const Key& key, std::string_view purpose, std::string_view text,
                         const std::filesystem::path& to);

// Takes a piece of the plain text.
using Sink = std::function<base::Status(std::string_view piece)>;
// The whole file, authenticated piece by piece; the digest is of the plain text.
base::Result<FileDigest> Decrypt(const Key& key, std::string_view purpose,
                                 const std::filesystem::path& from, const Sink& sink);
base::Result<std::string> DecryptText(const Key& key, std::string_view purpose,
                                      const std::filesystem::path& from, uint64_t bytes_max);

// The size of the encrypted file.
uint64_t EncryptedBytes(uint64_t plain_bytes);

}  // namespace weir::control::backup
