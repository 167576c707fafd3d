// The key that backups and evidence are encrypted with: 32 bytes, in a file as 64 hex digits, so
// that it can be printed and kept in a safe.
//
// A value; any thread. Its bytes are wiped from memory with its last copy.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/base/result.h"

namespace weir::control::backup {

class Key {
 public:
  static constexpr size_t kBytes = 32;
  static constexpr size_t kNameBytes = 16;
  using Bytes = std::array<unsigned char, kBytes>;
  using Name = std::array<unsigned char, kNameBytes>;

  // Refuses a file that others than its owner may read.
  static base::Result<Key> Load(const std::filesystem::path& file);
  // Makes it where it is missing, for its owner only; `made` then says so.
  static base::Result<Key> LoadOrMake(const std::filesystem::path& file, bool& made);

  const unsigned char* data() const { return bytes_->data(); }
  // Tells this key from others, and nothing about it.
  const Name& name() const { return name_; }
  std::string name_hex() const;

 private:
  explicit Key(std::shared_ptr<const Bytes> bytes);

  std::shared_ptr<const Bytes> bytes_;
  Name name_{};
};

}  // namespace weir::control::backup
