#include "compare/machine_model.hpp"

#include "compare/measuring/noise.hpp"
#include "compare/verdict/bound.hpp"
#include "compare/verdict/order.hpp"
#include "compare/verdict/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>

namespace fanout::test {
namespace {

constexpr double nothing = 1e-12;

struct active {
  std::size_t index = 0;
  std::size_t phase = 0;
  double left = 0;
  double started = 0;
  double computed = 0;
};

struct lane {
  std::uint32_t process = 0;
  std::uint32_t slots = 1;
  double starting = 0;          ///< CPU left of its start
  std::vector<active> waiting;  ///< waits, or is served
  std::deque<active> ready;     ///< the first of them has the thread
  std::size_t held() const { return waiting.size() + ready.size(); }
};

class simulation {
 public:
  simulation(const paper_machine& on, const std::vector<paper_task>& tasks, const shape& how) : on_(on), tasks_(tasks) {
    const std::uint32_t processes = how.uses_workers() ? how.processes : 1;
    // The cores of the machine on paper are not those of the one that tests run on.
    const std::uint32_t threads = how.model == model::hybrid ? std::min(on.cores, how.tasks) : how.threads;
    const std::uint32_t in_all = processes * threads;
    for (std::uint32_t i = 0; i < in_all; ++i) {
      lane each;
      each.process = i / threads;
      each.slots = std::max(how.tasks / in_all + (i < how.tasks % in_all ? 1 : 0), 1U);
      if (how.uses_workers() && i % threads == 0) each.starting = on.worker_start;
      lanes_.push_back(each);
    }
    shared_ = how.tasks > in_all;
    run_.taken.resize(tasks.size());
    run_.computed.resize(tasks.size(), -1);
  }

  paper_run run() {
    for (auto& each : lanes_) take(each);
    while (done_ < tasks_.size()) step();
    run_.wall = now_;
    return run_;
  }

 private:
  void take(lane& into) {
    while (into.held() < into.slots && next_ < tasks_.size()) {
      active fresh;
      fresh.index = next_++;
      fresh.started = now_;
      fresh.left = tasks_[fresh.index].phases.front().seconds;
      place(into, fresh);
    }
  }

  doing doing_of(const active& which) const { return tasks_[which.index].phases[which.phase].what; }
  static bool rests(doing what) { return what == doing::waits || what == doing::served; }

  void place(lane& into, const active& which) {
    if (rests(doing_of(which))) {
      if (doing_of(which) == doing::served) queue_.push_back(which.index);
      into.waiting.push_back(which);
    } else {
      into.ready.push_back(which);
    }
  }

  bool is_served(const active& which) const {
    if (doing_of(which) != doing::served || on_.served_at_once == 0) return true;
    const auto end = queue_.begin() + std::min<std::ptrdiff_t>(on_.served_at_once, std::ssize(queue_));
    return std::find(queue_.begin(), end, which.index) != end;
  }

  bool runs(std::size_t number) {
    lane& each = lanes_[number];
    if (each.starting > 0) return true;
    if (each.ready.empty()) return false;
    if (doing_of(each.ready.front()) != doing::holds) return true;
    const auto [holder, is_free] = locks_.try_emplace(each.process, number);
    return is_free || holder->second == number;
  }

  void step() {
    std::vector<std::size_t> running;
    double copying = 0;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      if (!runs(i)) continue;
      running.push_back(i);
      if (lanes_[i].starting <= 0 && doing_of(lanes_[i].ready.front()) == doing::copies) copying += 1;
    }
    const double share = std::min(1.0, on_.cores / (static_cast<double>(running.size()) + on_.hogs));
    const double crowded = std::max(1.0, (copying + on_.memory_hogs) * share / on_.memory_width);
    const auto speed = [&](const lane& of) {
      return share / (of.starting <= 0 && doing_of(of.ready.front()) == doing::copies ? crowded : 1.0);
    };
    double span = std::numeric_limits<double>::max();
    for (const std::size_t i : running)
      span = std::min(span,
                      (lanes_[i].starting > 0 ? lanes_[i].starting : lanes_[i].ready.front().left) / speed(lanes_[i]));
    for (const lane& each : lanes_)
      for (const active& one : each.waiting)
        if (is_served(one)) span = std::min(span, one.left);
    if (span == std::numeric_limits<double>::max()) throw std::logic_error("the machine on paper stands still");
    now_ += span;
    for (const std::size_t i : running) {
      lane& each = lanes_[i];
      run_.cpu += span * share;
      if (each.starting > 0) {
        each.starting -= span * speed(each);
        if (each.starting < nothing) each.starting = 0;
        continue;
      }
      const double by = speed(each);
      each.ready.front().computed += span * share;
      each.ready.front().left -= span * by;
    }
    for (lane& each : lanes_)
      for (active& one : each.waiting)
        if (is_served(one)) one.left -= span;
    for (std::size_t i = 0; i < lanes_.size(); ++i) go_on(i);
  }

  void go_on(std::size_t number) {
    lane& each = lanes_[number];
    std::vector<active> over;
    if (each.starting <= 0 && !each.ready.empty() && each.ready.front().left < nothing) {
      const auto holder = locks_.find(each.process);
      if (holder != locks_.end() && holder->second == number) locks_.erase(holder);
      over.push_back(each.ready.front());
      each.ready.pop_front();
    }
    std::erase_if(each.waiting, [&](const active& one) {
      if (one.left >= nothing) return false;
      over.push_back(one);
      return true;
    });
    for (active& one : over) {
      if (doing_of(one) == doing::served) std::erase(queue_, one.index);
      if (++one.phase < tasks_[one.index].phases.size()) {
        one.left = tasks_[one.index].phases[one.phase].seconds;
        place(each, one);
        continue;
      }
      run_.taken[one.index] = now_ - one.started;
      if (!shared_) run_.computed[one.index] = one.computed;
      ++done_;
    }
    take(each);
  }

  const paper_machine& on_;
  const std::vector<paper_task>& tasks_;
  std::vector<lane> lanes_;
  std::map<std::uint32_t, std::size_t> locks_;  ///< of each process: the lane that holds it
  std::deque<std::size_t> queue_;               ///< of the server
  std::size_t next_ = 0;
  std::size_t done_ = 0;
  double now_ = 0;
  bool shared_ = false;
  paper_run run_;
};

std::chrono::nanoseconds duration(double seconds) {
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

/// 0 to 1, the same with every standard library.
class chance {
 public:
  explicit chance(std::uint32_t seed) : engine_(seed) {}
  double operator()() { return static_cast<double>(engine_() >> 8) / static_cast<double>(1U << 24); }

 private:
  std::mt19937 engine_;
};

class paper_comparison {
 public:
  paper_comparison(const paper_machine& on, const std::vector<paper_task>& tasks, std::uint32_t seed)
      : on_(on), tasks_(tasks), by_chance_(seed) {
    made_.name = "paper";
    made_.tasks = tasks.size();
    made_.cores = on.cores;
  }

  comparison run(const std::vector<shape>& shapes) {
    const paper_run alone = run_on_paper(quiet(), {tasks_.front()}, sync());
    made_.cpu_share = alone.cpu / alone.wall;
    made_.load.others = std::min<double>(on_.hogs, on_.cores) * (0.97 + 0.05 * by_chance_());
    made_.load.given = on_.cores * std::min(1.0, on_.cores / (on_.cores + on_.hogs));
    for (const shape& each : shapes) made_.rows.push_back(first_row(each));
    for (int round = 1; round < 3; ++round)
      for (auto& row : made_.rows) again(row);
    for (int round = 3; round < 12; ++round) {
      look();
      const std::vector<bool> to_run = detail::rows_to_run_again(made_);
      if (std::ranges::none_of(to_run, std::identity())) break;
      for (std::size_t i = 0; i < to_run.size(); ++i)
        if (to_run[i]) again(made_.rows[i]);
    }
    look();
    return made_;
  }

 private:
  paper_machine quiet() const {
    paper_machine machine = on_;
    machine.hogs = machine.memory_hogs = 0;
    return machine;
  }

  /// Other programs are never twice the same: one may be busy for a part of the run only.
  paper_machine now() {
    paper_machine machine = on_;
    const double part = machine.hogs > 0 ? 0.6 + 0.4 * by_chance_() : 0;
    machine.hogs *= part;
    machine.memory_hogs *= part;
    return machine;
  }

  void run_once(comparison_row& row) {
    const double slower = 1 + on_.jitter * by_chance_() * by_chance_();
    const paper_run ran = run_on_paper(now(), tasks_, row.shape, slower);
    row.walls.push_back(duration(ran.wall));
    runs_[&row - made_.rows.data()].push_back(ran);
    workload_run done;
    done.cost.cpu_user = duration(ran.cpu);
    for (const double each : ran.taken) done.taken.push_back(duration(each));
    for (const double each : ran.computed)
      done.computed.push_back(each < 0 ? std::chrono::nanoseconds(-1) : duration(each));
    bound_.look_at(done);
    const paper_run piece = run_on_paper(now(), {paper_task{{{doing::computes, 0.01}}}}, sync(), slower);
    noise_.add(piece.wall);
  }

  comparison_row first_row(const shape& of) {
    comparison_row row;
    row.shape = row.cost.shape = of;
    row.cost.tasks = tasks_.size();
    row.cost.processes = of.uses_workers() ? of.processes : 1;
    row.cost.threads = of.model == model::hybrid ? std::min(on_.cores, of.tasks) : row.cost.processes * of.threads;
    return row;
  }

  void again(comparison_row& row) { run_once(row); }

  void look() {
    for (std::size_t i = 0; i < made_.rows.size(); ++i) {
      comparison_row& row = made_.rows[i];
      if (row.walls.empty()) run_once(row);
      std::vector<std::size_t> by_wall(row.walls.size());
      for (std::size_t at = 0; at < by_wall.size(); ++at) by_wall[at] = at;
      std::ranges::sort(by_wall, {}, [&](std::size_t at) { return row.walls[at]; });
      const std::size_t median = by_wall[(by_wall.size() - 1) / 2];
      row.cost.wall = row.walls[median];
      row.cost.cpu_user = duration(runs_[static_cast<std::ptrdiff_t>(i)][median].cpu);
    }
    detail::bound_finder bound = bound_;
    bound.set_computing(*made_.cpu_share);
    for (const auto& row : made_.rows) bound.allow(row.shape);
    made_.bound = bound.find(made_.tasks, made_.cores);
    made_.noise = noise_.spread();
    detail::judge(made_);
  }

  const paper_machine& on_;
  const std::vector<paper_task>& tasks_;
  chance by_chance_;
  comparison made_;
  std::map<std::ptrdiff_t, std::vector<paper_run>> runs_;  ///< by row
  detail::bound_finder bound_;
  detail::noise_meter noise_;
};

}  // namespace

paper_run run_on_paper(const paper_machine& on, const std::vector<paper_task>& tasks, const shape& how, double slower) {
  paper_run ran = simulation(on, tasks, how).run();
  ran.wall *= slower;
  ran.cpu *= slower;
  for (double& each : ran.taken) each *= slower;
  for (double& each : ran.computed) each *= slower;
  return ran;
}

comparison compare_on_paper(const paper_machine& on, const std::vector<paper_task>& tasks,
                            const std::vector<shape>& shapes, std::uint32_t seed) {
  return paper_comparison(on, tasks, seed).run(shapes);
}

}  // namespace fanout::test
