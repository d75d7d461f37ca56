#include <fanout/fanout.hpp>

#include <iostream>

// A user's program, built against the installed library alone.
int main() {
  const fanout::error refused(fanout::failure_kind::too_large, "11 bytes, 10 allowed");
  std::cout << fanout::to_string(refused.kind()) << ": " << refused.what() << '\n';
}
