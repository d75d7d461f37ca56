// The second program of docs/tutorials/first-program.md: the same in worker processes.
#include <fanout/fanout.hpp>

#include <cstdio>

int square(int x) {
  return x * x;
}

int main(int argc, char** argv) {
  fanout::init(argc, argv);  // workers are this program, started again
  for (const int each : fanout::map(fanout::processes(2), fanout::remote<square>, std::vector{1, 2, 3}))
    std::printf("%d\n", each);
}
