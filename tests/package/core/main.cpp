#include <fanout/core/map.hpp>
#include <fanout/version.hpp>

#include <iostream>
#include <vector>

// A program that only calls map, against the component core alone: without OpenSSL, c-ares and the like.
int main() {
  const std::vector<int> squares = fanout::map(fanout::threads(4), [](int x) { return x * x; }, {1, 2, 3});
  std::cout << "fanout " << FANOUT_VERSION_MAJOR << ':';
  for (int each : squares) std::cout << ' ' << each;
  std::cout << '\n';
}
