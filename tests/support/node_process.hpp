#pragma once

#include <fanout/process/nodes.hpp>

#include <sys/types.h>

#include <memory>
#include <vector>

/// A node in another process, over a pair of pipes: this program, started again.
namespace fanout::test {

/// Whether these are the arguments of a node, which `be_node` is then; its result is the program's.
bool is_node(int argc, char** argv);
int be_node();

class node_process {
 public:
  /// Throws `std::system_error`.
  node_process();
  node_process(node_process&& other) noexcept;
  node_process& operator=(node_process&&) = delete;
  /// Kills it if nobody has waited for it.
  ~node_process();

  /// Once.
  std::unique_ptr<node_link> link();
  void signal(int number) const;
  /// Waits for its end. The status, as waitpid(2) has it.
  int wait();

 private:
  pid_t pid_ = -1;
  detail::owned_descriptor from_node_;
  detail::owned_descriptor to_node_;
};

/// Nodes and their processes, which end with it.
class node_processes {
 public:
  node_processes(std::size_t count, const node_options& how);
  node_processes(const node_processes&) = delete;
  node_processes& operator=(const node_processes&) = delete;
  ~node_processes();

  nodes& machines() { return *nodes_; }
  const node_process& process(std::size_t number) const { return processes_[number]; }
  /// Ends those that live, as a program does that is done with them. How many did not exit with 0.
  int end();

 private:
  std::vector<node_process> processes_;
  std::unique_ptr<nodes> nodes_;
};

}  // namespace fanout::test
