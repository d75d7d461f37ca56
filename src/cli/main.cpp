#include <cstdio>

int main() {
  std::puts("fanout " FANOUT_VERSION);
  return 0;
}
