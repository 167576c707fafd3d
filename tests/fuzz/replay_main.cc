// Runs a fuzz target without libFuzzer: each seed of a folder, each of its prefixes, and mutations
// of it from a fixed random seed. A crash names the input in hexadecimal.
//
// usage: tls_seeds FOLDER [MUTATIONS]
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

Bytes current;

void PrintCurrent(int signal) {
  std::fprintf(stderr, "signal %d on the input:\n", signal);
  for (const uint8_t byte : current) std::fprintf(stderr, "%02x", static_cast<unsigned>(byte));
  std::fprintf(stderr, "\n");
  std::_Exit(1);
}

int Nibble(int c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Hexadecimal digits; blanks and "# comments" are passed over.
Bytes ReadHex(const std::filesystem::path& path) {
  std::ifstream file(path);
  Bytes out;
  int high = -1;
  for (std::string line; std::getline(file, line);) {
    for (const char c : line.substr(0, line.find('#'))) {
      const int value = Nibble(c);
      if (value < 0) continue;
      if (high >= 0) out.push_back(static_cast<uint8_t>(high * 16 + value));
      high = high >= 0 ? -1 : value;
    }
  }
  return out;
}

void Run(const Bytes& input) {
  current = input;
  LLVMFuzzerTestOneInput(current.data(), current.size());
}

void Mutate(Bytes input, std::mt19937& random) {
  const unsigned changes = 1 + random() % 4;
  for (unsigned i = 0; i < changes && !input.empty(); ++i) {
    const auto at = static_cast<ptrdiff_t>(random() % input.size());
    switch (random() % 4) {
      case 0:
        input[static_cast<size_t>(at)] = static_cast<uint8_t>(random());
        break;
      case 1:
        input[static_cast<size_t>(at)] ^= static_cast<uint8_t>(1U << random() % 8);
        break;
      case 2:
        input.erase(input.begin() + at);
        break;
      default:
        input.insert(input.begin() + at, static_cast<uint8_t>(random()));
        break;
    }
  }
  Run(input);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER [MUTATIONS]\n", argv[0]);
    return 2;
  }
  const unsigned long mutations = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2000;
  std::signal(SIGABRT, PrintCurrent);
  std::signal(SIGSEGV, PrintCurrent);
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.path().extension() == ".hex") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) {
    std::fprintf(stderr, "%s: no seeds (*.hex) in this folder\n", argv[1]);
    return 1;
  }
  for (const auto& path : paths) {
    const Bytes seed = ReadHex(path);
    for (size_t bytes = 0; bytes <= seed.size(); ++bytes) {
      Run(Bytes(seed.begin(), seed.begin() + static_cast<ptrdiff_t>(bytes)));
    }
    std::mt19937 random(1);
    for (unsigned long i = 0; i < mutations; ++i) Mutate(seed, random);
    std::printf("%s: %zu prefixes, %lu mutations (random seed 1)\n", path.filename().c_str(),
                seed.size() + 1, mutations);
  }
  return 0;
}
