#include "fetch/journal/boot_id.hpp"

#include <fstream>

namespace fanout::fetch {

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  std::getline(file, text);
  return text;
}

}  // namespace fanout::fetch
