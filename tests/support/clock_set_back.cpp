#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

#include <atomic>

// To be loaded before a program (LD_PRELOAD): each fiftieth look at the time of day finds the clock an hour further
// back, as if somebody had set it. The monotonic clock, which nobody can set, is left alone.
namespace {

std::atomic<long> looks{0};

time_t hours_back() {
  return looks.fetch_add(1, std::memory_order_relaxed) / 50 * 3'600;
}

template <class Function>
Function next_one(std::atomic<Function>& known, const char* name) {
  if (Function found = known.load()) return found;
  known = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
  return known;
}

// No function's statics: they would be initialised by what a sanitizer has yet to set up.
std::atomic<int (*)(clockid_t, timespec*)> real_clock_gettime{nullptr};
std::atomic<int (*)(timeval*, void*)> real_gettimeofday{nullptr};

}  // namespace

extern "C" int clock_gettime(clockid_t which, timespec* now) noexcept {
  const int failed = next_one(real_clock_gettime, "clock_gettime")(which, now);
  if (failed == 0 && which == CLOCK_REALTIME) now->tv_sec -= hours_back();
  return failed;
}

extern "C" int gettimeofday(timeval* now, void* zone) noexcept {
  const int failed = next_one(real_gettimeofday, "gettimeofday")(now, zone);
  if (failed == 0) now->tv_sec -= hours_back();
  return failed;
}

extern "C" time_t time(time_t* into) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}
