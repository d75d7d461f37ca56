// Programs that must not compile; check_refusals.sh compiles them, one by one, and looks for the explanation.

#include <fanout/process/process_pool.hpp>

#include <string>
#include <vector>

struct own_type {
  std::string name;
};

int takes_own_type(const own_type&) {
  return 0;
}
own_type returns_own_type(int) {
  return {};
}
int needs_own_type(const own_type&, int x) {
  return x;
}

int main() {
  fanout::process_pool pool;
#if REFUSAL == 1
  pool.submit(fanout::remote<takes_own_type>, own_type{});
#elif REFUSAL == 2
  fanout::map(fanout::processes(2), fanout::remote<returns_own_type>, std::vector{1});
#elif REFUSAL == 3
  pool.submit(fanout::remote<needs_own_type>.with(own_type{}), 1);
#endif
}
