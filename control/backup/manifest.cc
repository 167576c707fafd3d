#include "control/backup/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "control/backup/encrypted_file.h"

namespace weir::control::backup {
namespace {

using nlohmann::json;

constexpr uint64_t kFormat = 1;
constexpr uint64_t kManifestBytesMax = uint64_t{256} << 20;
constexpr size_t kSha256Digits = 64;
constexpr uint32_t kModeBits = 0777;

std::string Text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool Number(const json& object, const char* key, uint64_t& out) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return false;
  out = found->get<uint64_t>();
  return true;
}

// Stays in the folder that it is put behind.
bool IsPlainPath(const std::string& text) {
  const std::filesystem::path path(text);
  if (text.empty() || path.is_absolute() || path.lexically_normal().native() != text) return false;
  return std::ranges::none_of(
      path, [](const auto& part) { return part == ".." || part == "." || part.empty(); });
}

bool IsPlainName(const std::string& text) {
  return IsPlainPath(text) && text.find('/') == std::string::npos;
}

bool IsSha256(const std::string& text) {
  return text.size() == kSha256Digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool ParseFile(const json& object, Manifest::File& file) {
  uint64_t mode = 0;
  if (!object.is_object() || !Number(object, "bytes", file.digest.bytes) ||
      !Number(object, "mode", mode)) {
    return false;
  }
  file.path = Text(object, "path");
  file.digest.sha256 = Text(object, "sha256");
  file.stored = Text(object, "stored");
  file.mode = static_cast<uint32_t>(mode) & kModeBits;
  return IsPlainPath(file.path) && IsPlainName(file.stored) && IsSha256(file.digest.sha256);
}

std::string ManifestPurpose(const std::string& set, const std::string& name) {
  return "weir backup manifest " + set + "/" + name;
}

}  // namespace

std::string_view KindName(Kind kind) { return kind == Kind::kFull ? "full" : "incremental"; }

uint64_t Manifest::bytes() const {
  uint64_t sum = 0;
  for (const File& file : files) sum += file.digest.bytes;
  return sum;
}

std::string StoredPurpose(const std::string& set, const std::string& stored) {
  return "weir backup file " + set + "/" + stored;
}

std::string ManifestText(const Manifest& manifest) {
  json files = json::array();
  for (const Manifest::File& file : manifest.files) {
    files.push_back({{"path", file.path},
                     {"bytes", file.digest.bytes},
                     {"sha256", file.digest.sha256},
                     {"mode", file.mode},
                     {"stored", file.stored}});
  }
  const json object{{"format", kFormat},
                    {"set", manifest.set},
                    {"name", manifest.name},
                    {"kind", KindName(manifest.kind)},
                    {"made", base::FormatRfc3339(manifest.made)},
                    {"sensor", manifest.sensor},
                    {"weir", manifest.weir},
                    {"files", files}};
  return object.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

base::Result<Manifest> ParseManifest(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  uint64_t format = 0;
  if (!object.is_object() || !Number(object, "format", format)) {
    return base::Error{"is no list of a backup's files"};
  }
  if (format != kFormat) return base::Error{"was written by a newer Weir"};
  Manifest manifest;
  manifest.set = Text(object, "set");
  manifest.name = Text(object, "name");
  manifest.sensor = Text(object, "sensor");
  manifest.weir = Text(object, "weir");
  const std::string kind = Text(object, "kind");
  manifest.kind = kind == KindName(Kind::kFull) ? Kind::kFull : Kind::kIncremental;
  const auto made = base::ParseRfc3339(Text(object, "made"));
  const auto files = object.find("files");
  if (KindName(manifest.kind) != kind || !made.ok() || files == object.end() ||
      !files->is_array()) {
    return base::Error{"lacks what a list of a backup's files must have"};
  }
  manifest.made = *made;
  std::set<std::string> paths;
  for (const json& entry : *files) {
    Manifest::File file;
    if (!ParseFile(entry, file) || !paths.insert(file.path).second) {
      return base::Error{"names a file that no backup has: '" + file.path + "'"};
    }
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

std::filesystem::path ManifestFile(const std::filesystem::path& set_dir, const std::string& name) {
  return set_dir / (name + ".manifest");
}

base::Status WriteManifest(const Key& key, const std::filesystem::path& set_dir,
                           const Manifest& manifest) {
  auto written = EncryptText(key, ManifestPurpose(manifest.set, manifest.name),
                             ManifestText(manifest), ManifestFile(set_dir, manifest.name));
  return written.ok() ? SyncFolder(set_dir) : written;
}

base::Result<Manifest> ReadManifest(const Key& key, const std::filesystem::path& set_dir,
                                    const std::string& name) {
  const std::string set = set_dir.filename();
  const auto file = ManifestFile(set_dir, name);
  const auto text = DecryptText(key, ManifestPurpose(set, name), file, kManifestBytesMax);
  if (!text.ok()) return text.error();
  auto manifest = ParseManifest(*text);
  if (!manifest.ok()) return base::Error{file.string() + ": " + manifest.error().message};
  if (manifest->set != set || manifest->name != name) {
    return base::Error{file.string() + ": is of another backup, " + manifest->set + "/" +
                       manifest->name};
  }
  return manifest;
}

}  // namespace weir::control::backup
