#pragma once

/// \file
/// Where worker processes branch off.
namespace fanout {

/// Call it first in `main` of every program that uses shapes with worker processes. Workers are this program, started
/// again with an argument of fanout's own: in a worker, `init` runs tasks until the parent is done and then ends the
/// process, so that the rest of `main` never runs; otherwise it returns at once. What stands before it in `main`, and
/// the initializers of global variables, run in every worker too.
void init(int argc, char** argv);

}  // namespace fanout
