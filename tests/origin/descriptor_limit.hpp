#pragma once

#include <sys/resource.h>

#include <algorithm>

namespace fanout::origin::testing {

/// Sets the soft limit on descriptors, and puts it back.
class descriptor_limit {
 public:
  explicit descriptor_limit(rlim_t wanted) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit changed = before_;
    changed.rlim_cur = std::min(wanted, before_.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &changed);
    now_ = changed.rlim_cur;
  }
  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;
  ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  rlim_t now() const { return now_; }

 private:
  rlimit before_{};
  rlim_t now_ = 0;
};

}  // namespace fanout::origin::testing
