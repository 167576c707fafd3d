#include "books.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace weir::crash {
namespace {

constexpr uint32_t kEventsACycle = 20'000;
constexpr uint32_t kGroupsACycle = 1000;

template <typename T>
size_t BytesFor(size_t count) {
  return sizeof(T) * count;
}

}  // namespace

// Fresh pages are zeros, which all of these begin with; pages that nobody touches cost nothing.
template <typename T>
T* SharedBooks::Map(size_t count) {
  void* const memory = ::mmap(nullptr, BytesFor<T>(count), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::abort();
  }
  return static_cast<T*>(memory);
}

SharedBooks::SharedBooks(uint32_t cycles)
    : events_max_(10 * kMargin + cycles * kEventsACycle),
      groups_max_(kMargin + cycles * kGroupsACycle),
      boots_max_(1000 + 4 * cycles),
      books_(new (Map<Books>(1)) Books),
      events_(Map<Event>(events_max_)),
      groups_(Map<Group>(groups_max_)),
      boots_(Map<Boot>(boots_max_)) {}

SharedBooks::~SharedBooks() {
  ::munmap(books_, BytesFor<Books>(1));
  ::munmap(events_, BytesFor<Event>(events_max_));
  ::munmap(groups_, BytesFor<Group>(groups_max_));
  ::munmap(boots_, BytesFor<Boot>(boots_max_));
}

SharedBooks::Tally SharedBooks::TallyOf(const Group& group) const {
  Tally tally;
  // An unconfirmed group has no end: it goes as far as its start's events do.
  for (uint32_t number = group.first; number < group.end; ++number) {
    const Event& event = events_[number];
    if (event.kind == Kind::kNone) continue;
    tally.offered[event.loss_class]++;
    if (event.commit != 0) tally.stored[event.loss_class]++;
    if (!event.refused) continue;
    tally.refused[event.loss_class]++;
    if (event.commit != 0) tally.refused_and_stored++;
  }
  return tally;
}

void Complain(Side& side, int code, std::string_view complaint) {
  const size_t length = std::min(complaint.size(), side.complaint.size() - 1);
  std::copy_n(complaint.begin(), length, side.complaint.begin());
  side.complaint[length] = '\0';
  ::_exit(code);
}

}  // namespace weir::crash
