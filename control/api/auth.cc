#include "control/api/auth.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "dataplane/base/unique_fd.h"

namespace weir::control::api {
namespace {

constexpr size_t kTokenBytes = 32;  // random; twice as many hex digits
constexpr size_t kTokenTextMin = 32;
constexpr size_t kClaimedBytesMax = 64;

base::Error System(const std::filesystem::path& file, const char* what) {
  return {file.string() + ": cannot be " + what + ": " + std::strerror(errno)};
}

base::Result<std::string> ReadToken(int fd, const std::filesystem::path& file) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return System(file, "looked at");
  if ((info.st_mode & 077) != 0) {
    return base::Error{file.string() + ": others may read the token: chmod 600 it, or remove it"};
  }
  std::array<char, 1024> text;
  const ssize_t got = ::read(fd, text.data(), text.size());
  if (got < 0) return System(file, "read");
  std::string token(text.data(), static_cast<size_t>(got));
  while (!token.empty() && (token.back() == '\n' || token.back() == ' ')) token.pop_back();
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (token.size() < kTokenTextMin || !printable) {
    return base::Error{file.string() + ": holds no token of at least " +
                       std::to_string(kTokenTextMin) + " characters: remove it to have one made"};
  }
  return token;
}

}  // namespace

base::Result<std::string> LoadOrMakeToken(const std::filesystem::path& file) {
  const base::UniqueFd present(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (present) return ReadToken(present.get(), file);
  if (errno != ENOENT) return System(file, "read");
  std::array<unsigned char, kTokenBytes> random;
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return System(file, "made: no random bytes");
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string token;
  for (const unsigned char byte : random) {
    token += kHex[byte >> 4];
    token += kHex[byte & 15];
  }
  const base::UniqueFd made(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made) return System(file, "made");
  const std::string line = token + "\n";
  if (::write(made.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(made.get()) != 0) {
    const base::Error error = System(file, "written");
    ::unlink(file.c_str());
    return error;
  }
  return token;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (size_t at = 0; at < a.size(); ++at) {
    difference = static_cast<unsigned char>(
        difference | (static_cast<unsigned char>(a[at]) ^ static_cast<unsigned char>(b[at])));
  }
  return difference == 0;
}

bool IsAuthorized(std::string_view authorization, std::string_view token) {
  constexpr std::string_view kBearer = "Bearer ";
  return authorization.starts_with(kBearer) &&
         EqualInConstantTime(authorization.substr(kBearer.size()), token);
}

std::string PeerActor(int fd, std::string_view claimed) {
  ucred peer{};
  socklen_t peer_bytes = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes) != 0) return "unknown";
  std::array<char, 4096> space;
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(peer.uid, &entry, space.data(), space.size(), &found);
  const std::string user = found == nullptr ? "uid " + std::to_string(peer.uid) : entry.pw_name;
  const bool plausible =
      !claimed.empty() && claimed.size() <= kClaimedBytesMax &&
      std::all_of(claimed.begin(), claimed.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (peer.uid != 0 || !plausible || claimed == user) return user;
  return std::string(claimed) + " (as " + user + ")";
}

}  // namespace weir::control::api
