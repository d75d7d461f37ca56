#pragma once

#include <fanout/compare/comparison.hpp>

#include <vector>

/// \file
/// What follows from the figures of a comparison: a function of them and of nothing else.
namespace fanout::detail {

/// Fills in `kind`, `best`, `ties`, `doubt`, `why`, and of each row `speedup` and `of_bound`, from what was measured:
/// `tasks`, `cores`, `cpu_share`, `bound`, `noise`, `load`, and of each row its shape, cost, walls and failure.
///
/// Best is the quickest row. Of those that tie with it, best is the one that needs least: no worker processes, the
/// fewest threads, the fewest tasks in flight; where tasks compute, threads come before event loops. No row is best
/// where other programs used the cores that the tasks needed, and where noise hides the order; `doubt` then says so.
void judge(comparison& of);

/// Whether `doubt` is about the machine, which other programs used or which was too noisy, and not about two close
/// rows.
bool is_disturbed(const comparison& of);

/// Of each row, whether it is to be run again, as more rounds could make `judge` say more: the rows that are not in
/// order yet, and the quickest with them. Where the machine varies too much, these are all that may be quickest: the
/// samples taken between the rounds show whether it goes on. Only false if more rounds would not help.
std::vector<bool> rows_to_run_again(const comparison& of);

}  // namespace fanout::detail
