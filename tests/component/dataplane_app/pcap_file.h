// Capture files for net_pcap ports: written for a port to receive, read for what it has sent.
#pragma once

#include <filesystem>
#include <vector>

#include "tests/support/packet_builder.h"

namespace weir::testing {

void WritePcap(const std::filesystem::path& path, const std::vector<Bytes>& frames);
std::vector<Bytes> ReadPcap(const std::filesystem::path& path);

}  // namespace weir::testing
