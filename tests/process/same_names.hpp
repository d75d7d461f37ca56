#pragma once

#include <fanout/fanout.hpp>

#include <vector>

/// Two source files with functions of the same names: each has to find its own in a worker.
namespace same_names {

/// The same function in both files.
inline int shared(int x) {
  return x + 1;
}
template <class T>
T doubled(T x) {
  return 2 * x;
}
struct tools {
  static int shared_member(int x) { return x + 2; }
};

/// What the functions of the other file make of 1, under that shape.
std::vector<int> results_of_other_file(const fanout::options& how);

}  // namespace same_names
