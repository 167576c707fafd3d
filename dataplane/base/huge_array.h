// A fixed array of zeroed memory straight from the kernel, on huge pages where it gives them.
//
// For tables that are made once and live as long as their worker. Elements must be fine as zero
// bytes.
#pragma once

#include <sys/mman.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace weir::base {

template <typename T>
class HugeArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  HugeArray() = default;

  // Throws std::bad_alloc: tables are made at start-up, where the program says so and ends.
  explicit HugeArray(size_t count) : count_(count) {
    if (count == 0) return;
    // The kernel gives huge pages only to what begins and ends where they do. Address space costs
    // nothing: more is asked for, and what lies before and behind is given back.
    const size_t spare = IsLarge() ? kHugePageBytes : 0;
    void* const memory = mmap(nullptr, MappedBytes() + spare, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    auto* data = static_cast<std::byte*>(memory);
    if (spare > 0) {
      const size_t before =
          (kHugePageBytes - std::bit_cast<uintptr_t>(data) % kHugePageBytes) % kHugePageBytes;
      if (before > 0) munmap(data, before);
      data += before;
      munmap(data + MappedBytes(), spare - before);
      madvise(data, MappedBytes(), MADV_HUGEPAGE);  // a wish: without it only speed differs
    }
    data_ = static_cast<T*>(static_cast<void*>(data));
  }

  HugeArray(HugeArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  HugeArray& operator=(HugeArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~HugeArray() {
    if (data_ != nullptr) munmap(data_, MappedBytes());
  }

  T& operator[](size_t index) { return data_[index]; }
  const T& operator[](size_t index) const { return data_[index]; }
  const T* data() const { return data_; }
  size_t size() const { return count_; }
  size_t bytes() const { return count_ * sizeof(T); }
  std::span<T> span() { return {data_, count_}; }

 private:
  static constexpr size_t kHugePageBytes = size_t{2} << 20;

  // Smaller ones would waste most of a huge page.
  bool IsLarge() const { return bytes() >= kHugePageBytes / 4; }
  size_t MappedBytes() const {
    return IsLarge() ? (bytes() + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes : bytes();
  }

  T* data_ = nullptr;
  size_t count_ = 0;
};

}  // namespace weir::base
