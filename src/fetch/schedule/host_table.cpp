#include "fetch/schedule/host_table.hpp"

#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

namespace fanout::fetch {

host_table::host_table() : key_(random_key()), slots_(64) {}

std::uint32_t host_table::hash_of(std::string_view name) const noexcept {
  return static_cast<std::uint32_t>(siphash_64(name, key_));
}

std::string_view host_table::name(std::uint32_t id) const noexcept {
  const char* const text = names_.at((*this)[id].name);
  return {text + 1, static_cast<unsigned char>(*text)};
}

std::size_t host_table::slot_of(std::string_view text, std::uint32_t hash) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot] != 0 && !((*this)[slots_[slot]].hash == hash && name(slots_[slot]) == text))
    slot = (slot + 1) & mask;
  return slot;
}

std::uint32_t host_table::find(std::string_view text) const {
  return slots_[slot_of(text, hash_of(text))];
}

std::uint32_t host_table::find_or_add(std::string_view text) {
  const auto hash = hash_of(text);
  std::size_t slot = slot_of(text, hash);
  if (slots_[slot] != 0) return slots_[slot];
  if (text.empty() || text.size() > longest_name)
    throw std::length_error(
        fmt::format("a host's name has 1 to {} bytes, and this one has {}", longest_name, text.size()));
  if ((size_ + 1) * 4 > slots_.size() * 3) {
    grow();
    slot = slot_of(text, hash);
  }
  const std::uint32_t id = new_id();
  host_record& made = (*this)[id];
  made = {};
  made.hash = hash;
  made.name = names_.allocate(text.size() + 1);
  char* const bytes = names_.at(made.name);
  bytes[0] = static_cast<char>(text.size());
  std::memcpy(bytes + 1, text.data(), text.size());
  slots_[slot] = id;
  ++size_;
  return id;
}

std::uint32_t host_table::new_id() {
  if (free_ids_ != 0) {
    const std::uint32_t id = free_ids_;
    free_ids_ = (*this)[id].link;
    return id;
  }
  if (next_id_ / block_size >= blocks_.size()) blocks_.push_back(std::make_unique<host_record[]>(block_size));
  return next_id_++;
}

void host_table::grow() {
  std::vector<std::uint32_t> larger(slots_.size() * 2);
  const std::size_t mask = larger.size() - 1;
  for (const std::uint32_t id : slots_) {
    if (id == 0) continue;
    std::size_t slot = (*this)[id].hash & mask;
    while (larger[slot] != 0) slot = (slot + 1) & mask;
    larger[slot] = id;
  }
  slots_ = std::move(larger);
}

void host_table::remove(std::uint32_t id) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = (*this)[id].hash & mask;
  while (slots_[hole] != id) hole = (hole + 1) & mask;
  // Those behind it move up, so that no search ends at the hole.
  for (std::size_t next = (hole + 1) & mask; slots_[next] != 0; next = (next + 1) & mask) {
    const std::size_t home = (*this)[slots_[next]].hash & mask;
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    slots_[hole] = slots_[next];
    hole = next;
  }
  slots_[hole] = 0;
  --size_;
  names_.free((*this)[id].name, name(id).size() + 1);
  (*this)[id].link = free_ids_;
  free_ids_ = id;
}

std::size_t host_table::memory() const noexcept {
  return blocks_.size() * block_size * sizeof(host_record) + names_.reserved() + slots_.size() * sizeof slots_[0];
}

}  // namespace fanout::fetch
