// Which execution model suits a function of your own? Compares three, prints the table, writes the report page.

#include <fanout/compare/compare.hpp>
#include <fanout/compare/present.hpp>
#include <fanout/fanout.hpp>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <vector>

// The function: how many steps the Collatz sequence takes, added up over 200,000 starts.
std::uint64_t collatz_steps(std::uint64_t first) {
  std::uint64_t steps = 0;
  for (std::uint64_t start = first; start < first + 200'000; ++start)
    for (std::uint64_t n = start; n != 1; n = n % 2 == 0 ? n / 2 : 3 * n + 1) ++steps;
  return steps;
}

int main(int argc, char** argv) {
  fanout::init(argc, argv);  // needed for processes(2): it starts this program again as workers
  const std::vector<std::uint64_t> inputs{1, 200'001, 400'001, 600'001};
  const std::vector<fanout::shape> shapes{fanout::sync(), fanout::threads(2), fanout::processes(2)};

  fanout::compare_options how;
  how.timeline = true;  // for the page
  const auto found = fanout::compare(fanout::remote<collatz_steps>, inputs, shapes, how);

  std::cout << fanout::render_table(found);
  if (argc > 1) std::ofstream(argv[1]) << fanout::report_page(fanout::to_json({found}), {});
  return found.ok() ? 0 : 1;
}
