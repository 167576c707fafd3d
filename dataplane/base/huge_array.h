// A fixed array of zeroed memory straight from the kernel, on huge pages where it gives them.
//
// For tables that are made once and live as long as their worker. Elements must be fine as zero
// bytes.
#pragma once

#include <sys/mman.h>

#include <cstddef>
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
    void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    madvise(memory, count * sizeof(T), MADV_HUGEPAGE);  // a wish: without it only speed differs
    data_ = static_cast<T*>(memory);
  }

  HugeArray(HugeArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  HugeArray& operator=(HugeArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~HugeArray() {
    if (data_ != nullptr) munmap(data_, count_ * sizeof(T));
  }

  T& operator[](size_t index) { return data_[index]; }
  const T& operator[](size_t index) const { return data_[index]; }
  size_t size() const { return count_; }
  size_t bytes() const { return count_ * sizeof(T); }
  std::span<T> span() { return {data_, count_}; }

 private:
  T* data_ = nullptr;
  size_t count_ = 0;
};

}  // namespace weir::base
