#pragma once

#include <signal.h>
#include <spawn.h>

#include <system_error>

namespace fanout::detail {

/// What posix_spawn is told about descriptors, signals and groups. Every call throws `std::system_error`.
class spawn_settings {
 public:
  spawn_settings() {
    check(posix_spawn_file_actions_init(&files_));
    if (const int failed = posix_spawnattr_init(&attributes_)) {
      posix_spawn_file_actions_destroy(&files_);
      check(failed);
    }
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;
  ~spawn_settings() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }

  void open(int as, const char* path, int flags) {
    check(posix_spawn_file_actions_addopen(&files_, as, path, flags, 0));
  }
  void duplicate(int descriptor, int as) { check(posix_spawn_file_actions_adddup2(&files_, descriptor, as)); }
  void close_from(int first) { check(posix_spawn_file_actions_addclosefrom_np(&files_, first)); }
  void change_directory(const char* path) { check(posix_spawn_file_actions_addchdir_np(&files_, path)); }

  /// Every signal has its default effect again; those of `blocked` are blocked.
  void reset_signals(const sigset_t& blocked) {
    sigset_t all;
    sigfillset(&all);
    check(posix_spawnattr_setsigmask(&attributes_, &blocked));
    check(posix_spawnattr_setsigdefault(&attributes_, &all));
    add_flags(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  /// The child leads a process group of its own.
  void lead_group() {
    check(posix_spawnattr_setpgroup(&attributes_, 0));
    add_flags(POSIX_SPAWN_SETPGROUP);
  }

  const posix_spawn_file_actions_t* files() const noexcept { return &files_; }
  const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

  static void check(int failed) {
    if (failed) throw std::system_error(failed, std::generic_category(), "cannot start a process");
  }

 private:
  void add_flags(int flags) {
    flags_ |= flags;
    check(posix_spawnattr_setflags(&attributes_, static_cast<short>(flags_)));
  }

  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
  int flags_ = 0;
};

}  // namespace fanout::detail
