#include <fanout/process/error_with.hpp>

#include <mutex>
#include <vector>

namespace fanout::detail {
namespace {

/// Never destroyed: errors arrive, and libraries are unloaded, while the process ends.
struct known_errors {
  std::mutex mutex;  ///< guards what follows
  std::vector<const error_entry*> entries;
};
known_errors& all_errors() {
  static known_errors& made = *new known_errors;
  return made;
}

}  // namespace

error_entry::error_entry(const char* type, maker made_by) : type_(type), make_(made_by) {
  const std::lock_guard lock(all_errors().mutex);
  all_errors().entries.push_back(this);
}

error_entry::~error_entry() {
  const std::lock_guard lock(all_errors().mutex);
  std::erase(all_errors().entries, this);
}

carried_value carried_by(const failure& reason) {
  carried_value found;
  if (!reason.exception) return found;
  try {
    std::rethrow_exception(reason.exception);
  } catch (const travelling_error& thrown) {
    try {
      thrown.encode(found.bytes);
      if (found.bytes.size() <= max_carried_bytes) found.type = thrown.type();
    } catch (...) {
      found.type.clear();  // the rest of the failure travels all the same
    }
  } catch (...) {
    return found;  // of another type
  }
  if (found.type.empty()) found.bytes.clear();
  return found;
}

void restore_error(failure& arrived, std::string_view type, std::string_view bytes) {
  if (type.empty()) return;
  error_entry::maker make = nullptr;
  {
    const std::lock_guard lock(all_errors().mutex);
    for (const error_entry* const entry : all_errors().entries) {
      if (entry->type_ != type) continue;
      if (make) return;  // nobody knows which of them it is
      make = entry->make_;
    }
  }
  if (!make) return;
  try {
    arrived.exception = make(arrived, bytes);
  } catch (...) {
    arrived.exception = nullptr;
  }
}

}  // namespace fanout::detail
