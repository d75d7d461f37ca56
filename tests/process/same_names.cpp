#include "process/same_names.hpp"

#include <vector>

namespace same_names {
namespace {

int unnamed(int x) {
  return 20 + x;
}
struct local_tools {
  int base = 0;
  static int member(int x) { return 30 + x; }
  int plus(int x) const { return base + 40 + x; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(base);
  }
};

}  // namespace

// NOLINTNEXTLINE(misc-use-anonymous-namespace): one of each kind
static int with_static(int x) {
  return 50 + x;
}

std::vector<int> results_of_other_file(const fanout::options& how) {
  using fanout::map;
  using fanout::remote;
  return {map(how, remote<unnamed>, {1}).front(),
          map(how, remote<&local_tools::member>, {1}).front(),
          map(how, remote<&local_tools::plus>.with(local_tools{100}), {1}).front(),
          map(how, remote<with_static>, {1}).front(),
          map(how, remote<[](int x) { return 60 + x; }>, {1}).front(),
          map(how, remote<shared>, {1}).front(),
          map(how, remote<doubled<int>>, {1}).front(),
          map(how, remote<&tools::shared_member>, {1}).front()};
}

}  // namespace same_names
