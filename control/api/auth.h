// Who is asking: the token of the loopback port, and the user at the other end of the unix socket.
//
// Pure but for the token's file; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::control::api {

// Reads the token, or makes one from the kernel's random source in a file only its owner may read.
// Refuses a file that others may read, or that holds less than a token.
base::Result<std::string> LoadOrMakeToken(const std::filesystem::path& file);

// Takes as long for any two texts of equal length, so that a guess learns nothing from the time.
bool EqualInConstantTime(std::string_view a, std::string_view b);

// "Bearer x" -> whether x is the token.
bool IsAuthorized(std::string_view authorization, std::string_view token);

// The user behind a connected unix socket, with the name claimed beside it: "root", or
// "alice (as root)" when root says that it acts for alice. Who is not root claims nothing.
std::string PeerActor(int fd, std::string_view claimed);

}  // namespace weir::control::api
