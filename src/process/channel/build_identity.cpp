#include "process/channel/build_identity.hpp"

#include <fmt/format.h>

#include <elf.h>
#include <link.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>

namespace fanout::detail {
namespace {

/// Reads the notes of one segment. (Each: three sizes, then the name and the note, each padded to four bytes.)
bool find_build_id(const char* notes, std::size_t bytes, build_identity& found) {
  const auto padded = [](std::size_t size) { return (size + 3) & ~std::size_t{3}; };
  while (bytes >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const std::size_t name = padded(note.n_namesz);
    const std::size_t whole = sizeof note + name + padded(note.n_descsz);
    if (whole > bytes) return false;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(notes + sizeof note, "GNU", 4) == 0) {
      std::memcpy(found.data(), notes + sizeof note + name, std::min<std::size_t>(found.size(), note.n_descsz));
      return true;
    }
    notes += whole;
    bytes -= whole;
  }
  return false;
}

bool find_in_object(const dl_phdr_info& object, build_identity& found) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const auto& segment = object.dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const auto* const notes = reinterpret_cast<const char*>(object.dlpi_addr + segment.p_vaddr);
    if (find_build_id(notes, segment.p_memsz, found)) return true;
  }
  return false;
}

int look_at_program(dl_phdr_info* program, std::size_t, void* found) {
  // The first is the program itself; the others are libraries.
  return find_in_object(*program, *static_cast<build_identity*>(found)) ? 1 : -1;
}

struct looked_for {
  std::uintptr_t address = 0;
  build_identity build{};
};

int look_at_object(dl_phdr_info* object, std::size_t, void* looked) {
  looked_for& found = *static_cast<looked_for*>(looked);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD && found.address - (object->dlpi_addr + segment.p_vaddr) < segment.p_memsz)
      return find_in_object(*object, found.build) ? 1 : -1;
  }
  return 0;
}

build_identity read_build() {
  build_identity build{};
  if (dl_iterate_phdr(look_at_program, &build) == 1) return build;
  struct stat file{};
  stat("/proc/self/exe", &file);
  std::memcpy(build.data(), &file.st_size, sizeof file.st_size);
  std::memcpy(build.data() + sizeof file.st_size, &file.st_mtim.tv_sec, sizeof file.st_mtim.tv_sec);
  std::memcpy(build.data() + sizeof file.st_size + sizeof file.st_mtim.tv_sec, &file.st_mtim.tv_nsec, 4);
  return build;
}

build_identity& known_build() {
  static build_identity build = read_build();
  return build;
}

}  // namespace

const build_identity& own_build() {
  return known_build();
}

void set_own_build(const build_identity& build) {
  known_build() = build;
}

std::optional<build_identity> build_at(const void* address) {
  looked_for looked{reinterpret_cast<std::uintptr_t>(address), {}};
  if (dl_iterate_phdr(look_at_object, &looked) != 1) return std::nullopt;
  return looked.build;
}

std::optional<build_identity> build_of(const char* program) {
  std::ifstream file(program, std::ios::binary);
  ElfW(Ehdr) header{};
  if (!file.read(reinterpret_cast<char*>(&header), sizeof header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(ElfW(Phdr)))
    return std::nullopt;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment{};
    file.seekg(static_cast<std::streamoff>(header.e_phoff + i * sizeof segment));
    if (!file.read(reinterpret_cast<char*>(&segment), sizeof segment)) return std::nullopt;
    if (segment.p_type != PT_NOTE || segment.p_filesz > 65'536) continue;
    std::string notes(segment.p_filesz, '\0');
    file.seekg(static_cast<std::streamoff>(segment.p_offset));
    build_identity build{};
    if (!file.read(notes.data(), static_cast<std::streamsize>(notes.size()))) return std::nullopt;
    if (find_build_id(notes.data(), notes.size(), build)) return build;
  }
  return std::nullopt;
}

std::string to_string(const build_identity& build) {
  std::string text;
  for (std::size_t i = 0; i < 6; ++i) text += fmt::format("{:02x}", build[i]);
  return text;
}

}  // namespace fanout::detail
