#include <fanout/process/detail/registry.hpp>

#include <fmt/format.h>

#include <link.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace fanout::detail {
namespace {

/// Never destroyed: functions are called, and libraries unloaded, while the process ends.
struct registry {
  std::mutex mutex;  ///< guards what follows
  std::vector<const remote_entry*> entries;
};
registry& all() {
  static registry& made = *new registry;
  return made;
}

/// Where an object is in the file it was loaded from. Addresses differ from process to process, this does not.
struct place {
  std::uintptr_t address = 0;
  bool of_program = true;  ///< the first that is listed is the program itself
  std::string text;
};

int look_at_module(dl_phdr_info* module, std::size_t, void* looked_for) {
  place& found = *static_cast<place*>(looked_for);
  const auto within = [&](const auto& segment) {
    return segment.p_type == PT_LOAD && found.address - (module->dlpi_addr + segment.p_vaddr) < segment.p_memsz;
  };
  if (std::any_of(module->dlpi_phdr, module->dlpi_phdr + module->dlpi_phnum, within)) {
    const std::string_view path = found.of_program || !module->dlpi_name ? "" : module->dlpi_name;
    found.text = fmt::format("{:#x}{}{}", found.address - module->dlpi_addr, path.empty() ? "" : " of ",
                             path.substr(path.rfind('/') + 1));  // the directory may be written differently there
    return 1;
  }
  found.of_program = false;
  return 0;
}

std::string place_of(const void* object) {
  place found;
  found.address = reinterpret_cast<std::uintptr_t>(object);
  dl_iterate_phdr(look_at_module, &found);
  return found.text;
}

}  // namespace

remote_entry::remote_entry(std::string_view function, maker made_by) : function_(function), make_(made_by) {
  const std::lock_guard lock(all().mutex);
  all().entries.push_back(this);
}

remote_entry::~remote_entry() {
  const std::lock_guard lock(all().mutex);
  std::erase(all().entries, this);
  delete name_.load(std::memory_order_acquire);
}

// Acquire, release: the thread that sees the name sees its text.
std::string_view remote_entry::name() const {
  const std::string* made = name_.load(std::memory_order_acquire);
  if (made) return *made;
  auto own = std::make_unique<std::string>(fmt::format("{} at {}", function_, place_of(this)));
  if (name_.compare_exchange_strong(made, own.get(), std::memory_order_acq_rel, std::memory_order_acquire))
    made = own.release();
  return *made;
}

const remote_entry& find_remote(std::string_view name) {
  const std::lock_guard lock(all().mutex);
  for (const remote_entry* const entry : all().entries)
    if (name.starts_with(entry->function_) && entry->name() == name) return *entry;
  throw std::logic_error(
      fmt::format("a worker process does not know the remote function {}: a library that the program loads itself has "
                  "to be loaded before fanout::init",
                  name));
}

}  // namespace fanout::detail
