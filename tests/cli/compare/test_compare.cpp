#include "cli/child.hpp"
#include "support/sanitized.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace json = boost::json;
using fanout::cli::testing::child;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* tool = FANOUT_CLI;

struct ended {
  int status;
  std::string output, errors;
};
ended run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "compare");
  child started(tool, std::move(arguments));
  started.close_input();
  std::string output = started.rest_of_output(), errors = started.rest_of_errors();
  return {started.wait(), std::move(output), std::move(errors)};
}

json::value run_json(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "--json");
  const ended result = run(std::move(arguments));
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.errors, "");
  EXPECT_EQ(result.output.find('\n'), result.output.size() - 1) << "one object on one line";
  return json::parse(result.output);
}

std::vector<std::string> names_of(const json::value& object) {
  std::vector<std::string> names;
  for (const auto& member : object.as_object()) names.emplace_back(member.key());
  return names;
}

double number(const json::value& object, const char* name) {
  return object.at(name).to_number<double>();  // throws for anything but a number
}

std::string text(const json::value& object, const char* name) {
  return std::string(object.at(name).as_string());
}

void check_row(const json::value& row, double lower_bound, double tasks) {
  const std::string shape = text(row, "shape");
  SCOPED_TRACE(shape);
  EXPECT_THAT(names_of(row),
              ElementsAre("engine", "shape", "error", "wall_s", "walls_s", "median_s", "spread", "speedup", "of_bound",
                          "cpu_s", "cpu_user_s", "cpu_system_s", "cores_used", "peak_rss_bytes", "voluntary_switches",
                          "involuntary_switches", "processes", "threads", "startup_s", "ipc_bytes", "ipc_s", "workers",
                          "latency_s", "failures", "timeline"));
  EXPECT_TRUE(row.at("error").is_null());
  EXPECT_TRUE(row.at("timeline").is_null());
  EXPECT_GT(number(row, "startup_s"), 0);
  EXPECT_LT(number(row, "startup_s"), number(row, "wall_s"));
  EXPECT_NEAR(number(row, "cpu_user_s") + number(row, "cpu_system_s"), number(row, "cpu_s"), 1e-9);
  const json::value& latency = row.at("latency_s");
  EXPECT_GT(number(latency, "p50"), 0);
  EXPECT_LE(number(latency, "p50"), number(latency, "p90"));
  EXPECT_LE(number(latency, "p90"), number(latency, "p99"));
  EXPECT_LE(number(latency, "p99"), number(latency, "max"));
  EXPECT_LE(number(latency, "max"), number(row, "wall_s"));
  EXPECT_EQ(text(row, "engine"), "fanout");
  EXPECT_GE(number(row, "wall_s"), lower_bound * 0.999999);
  EXPECT_GT(number(row, "speedup"), 0);
  EXPECT_NEAR(number(row, "of_bound"), lower_bound / number(row, "wall_s"), 1e-9);
  EXPECT_GT(number(row, "cpu_s"), 0);
  EXPECT_NEAR(number(row, "cores_used"), number(row, "cpu_s") / number(row, "wall_s"), 1e-6);
  EXPECT_GT(number(row, "peak_rss_bytes"), 1 << 20);
  EXPECT_GE(number(row, "voluntary_switches"), 0);
  EXPECT_GE(number(row, "involuntary_switches"), 0);
  EXPECT_EQ(number(row, "failures"), 0);
  const bool apart = shape.starts_with("processes");
  const auto colon = shape.find(':');
  const double count = colon == shape.npos ? 1 : std::stod(shape.substr(colon + 1));
  EXPECT_EQ(number(row, "processes"), apart ? count : 1);
  EXPECT_EQ(number(row, "ipc_bytes") > 0, apart);
  EXPECT_EQ(number(row, "ipc_s") > 0, apart);
  EXPECT_LT(number(row, "ipc_s"), number(row, "wall_s"));
  const json::array& workers = row.at("workers").as_array();
  EXPECT_EQ(workers.size(), apart ? count : 0);
  double of_workers = 0;
  for (const json::value& each : workers) {
    EXPECT_THAT(names_of(each),
                ElementsAre("tasks", "starts", "restarts", "cpu_s", "peak_rss_bytes", "bytes_sent", "bytes_received"));
    EXPECT_EQ(number(each, "starts"), 1);
    EXPECT_GT(number(each, "cpu_s"), 0);
    of_workers += number(each, "tasks");
  }
  EXPECT_EQ(of_workers, apart ? tasks : 0);
  if (shape == "sync") {
    EXPECT_EQ(number(row, "speedup"), 1);
  }
  if (shape == "sync" || shape.starts_with("async")) {
    EXPECT_EQ(number(row, "threads"), 1);
    EXPECT_LE(number(row, "cores_used"), 1.1);
  }
  if (apart || shape.starts_with("threads")) {
    EXPECT_EQ(number(row, "threads"), count);
  }
}

TEST(compare, one_json_object_with_everything_in_it) {
  const auto whole = run_json({"--latency", "100ms", "--work", "30ms", "--rounds", "2"});
  EXPECT_THAT(names_of(whole), ElementsAre("machine", "workloads"));
  EXPECT_THAT(names_of(whole.at("machine")), ElementsAre("cores", "cpu", "memory_bytes", "system"));
  EXPECT_GE(number(whole.at("machine"), "cores"), 1);
  EXPECT_GT(number(whole.at("machine"), "memory_bytes"), 1e6);
  EXPECT_THAT(text(whole.at("machine"), "system"), HasSubstr("Linux"));

  std::vector<std::string> names, kinds;
  for (const auto& workload : whole.at("workloads").as_array()) {
    SCOPED_TRACE(text(workload, "name"));
    names.push_back(text(workload, "name"));
    kinds.push_back(text(workload, "kind"));
    EXPECT_THAT(names_of(workload), ElementsAre("name", "description", "tasks", "kind", "cpu_share", "noise",
                                                "others_cores", "served_cores", "lower_bound_s", "lower_bound", "best",
                                                "ties", "doubt", "in_flight", "why", "rows", "sweep"));
    EXPECT_THAT(names_of(workload.at("lower_bound")),
                ElementsAre("task_s", "cpu_s", "in_turn_s", "in_flight_s", "in_flight", "cores", "why"));
    const double tasks = number(workload, "tasks");
    const auto cores = static_cast<unsigned>(number(whole.at("machine"), "cores"));
    std::vector<std::string> shapes;
    for (const auto& row : workload.at("rows").as_array()) {
      shapes.push_back(text(row, "shape"));
      check_row(row, number(workload, "lower_bound_s"), tasks);
    }
    if (names.back() == "io") {
      EXPECT_EQ(tasks, 5);
      EXPECT_THAT(shapes, ElementsAre("sync", "threads:5", "async:5", "processes:5", "hybrid:5"));
    } else {
      EXPECT_EQ(static_cast<unsigned>(tasks) % cores, 0) << "or a core would be idle at the end";
      EXPECT_THAT(shapes, ::testing::IsSupersetOf({std::string("sync"), fmt::format("threads:{}", cores),
                                                   std::string("async:5"), fmt::format("processes:{}", cores)}));
    }
    // A machine that is busy with other things as this runs shows no order of those that compute.
    EXPECT_THAT(text(workload, "why"), HasSubstr("async:5"));
    if (workload.at("best").is_null()) {
      EXPECT_THAT(text(workload, "why"), HasSubstr("Cannot tell which shape is best: " + text(workload, "doubt")));
    } else {
      EXPECT_THAT(shapes, ::testing::Contains(text(workload, "best")));
      EXPECT_THAT(text(workload, "why"), HasSubstr("Choose " + text(workload, "best")));
    }
  }
  EXPECT_THAT(names, ElementsAre("io", "cpu"));
  // Memory that the address sanitizer keeps beside the program's own makes computing a matter of memory, too.
  const char* const computing = fanout::test::sanitized ? "(CPU|memory)-bound" : "CPU-bound";
  EXPECT_THAT(kinds, ElementsAre("I/O-bound", ::testing::MatchesRegex(computing)));
  const auto& io = whole.at("workloads").at(0);
  EXPECT_GE(number(io, "lower_bound_s"), 0.1);
  EXPECT_LE(number(io, "cpu_share"), 0.25);
  const auto& cpu = whole.at("workloads").at(1);
  EXPECT_GE(number(cpu, "cpu_share"), 0.75);
  EXPECT_LE(number(cpu, "cpu_share"), 1);
}

TEST(compare, the_shapes_asked_for_and_no_speed_up_without_sync) {
  const auto whole = run_json({"io", "--latency", "20ms", "--tasks", "2", "--shapes", "threads:2, 1x1x2,auto"});
  ASSERT_EQ(whole.at("workloads").as_array().size(), 1U);
  const auto& rows = whole.at("workloads").at(0).at("rows").as_array();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(text(rows[0], "shape"), "threads:2");
  EXPECT_EQ(text(rows[1], "shape"), "1x1x2");
  EXPECT_EQ(text(rows[2], "shape"), "auto");
  for (const auto& row : rows) EXPECT_TRUE(row.at("speedup").is_null());
}

TEST(compare, every_workload_has_its_options) {
  const auto whole =
      run_json({"mixed", "memory", "lock", "--latency", "20ms", "--share", "40%", "--work", "10ms", "--rounds", "1",
                "--size", "256KiB", "--tasks", "3", "--shapes", "sync,threads:2,processes:2"});
  std::vector<std::string> names;
  for (const auto& workload : whole.at("workloads").as_array()) {
    names.push_back(text(workload, "name"));
    EXPECT_EQ(number(workload, "tasks"), 3);
    for (const auto& row : workload.at("rows").as_array()) EXPECT_EQ(number(row, "failures"), 0);
  }
  EXPECT_THAT(names, ElementsAre("mixed", "memory", "lock"));
}

TEST(compare, a_sweep_has_a_point_for_every_count) {
  const auto whole = run_json({"io", "--latency", "30ms", "--sweep", "async:6", "--shapes", "sync", "--rounds", "1"});
  const auto& sweep = whole.at("workloads").at(0).at("sweep");
  EXPECT_EQ(text(sweep, "shape"), "async");
  std::vector<double> counts;
  for (const auto& point : sweep.at("points").as_array()) counts.push_back(number(point, "n"));
  EXPECT_THAT(counts, ElementsAre(1, 2, 4, 6));
  EXPECT_EQ(number(whole.at("workloads").at(0), "tasks"), 6) << "or the last place would be empty";
  EXPECT_GT(number(sweep.at("points").at(3), "speedup"), 1.5);
  const ended shown = run({"io", "--latency", "30ms", "--sweep", "async:2", "--shapes", "sync", "--rounds", "1"});
  EXPECT_THAT(shown.output, HasSubstr("speed-up"));
}

TEST(compare, a_table_that_fits_a_terminal) {
  const ended result = run({"--latency", "20ms", "--work", "10ms", "--shapes", "sync,async:5"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.errors, "");
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("io: 5 fetches of http://127.0.0.1:"), HasSubstr("/delay/20"),
                    ContainsRegex("cpu: [0-9]+ counts of the primes below"), HasSubstr("shape"), HasSubstr("\nsync "),
                    HasSubstr("\nasync:5 "), HasSubstr("Choose async:5"), Not(HasSubstr("\x1b"))));
  std::string unbroken = result.output;
  std::ranges::replace(unbroken, '\n', ' ');
  EXPECT_THAT(unbroken, HasSubstr("async:5 did not overlap the tasks"));
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(compare, failed_fetches_are_shown_and_counted) {
  child origin(tool, {"serve", "--port", "0"});
  const std::string line = origin.read_line();
  const std::string base = line.substr(line.find("http://"));
  const ended shown = run({"io", "--url", base + "/status/503", "--tasks", "3", "--shapes", "sync,async:3"});
  EXPECT_EQ(shown.status, 1);
  EXPECT_THAT(shown.output, AllOf(HasSubstr("sync    3 of 3 tasks failed: status: 503"),
                                  HasSubstr("async:3 3 of 3 tasks failed: status: 503")));
  const ended counted = run({"io", "--url", base + "/reset", "--tasks", "3", "--shapes", "processes:2", "--json"});
  EXPECT_EQ(counted.status, 1);
  EXPECT_THAT(counted.errors, HasSubstr("io under processes:2: 3 of 3 tasks failed: "));
  const auto whole = json::parse(counted.output);
  EXPECT_EQ(number(whole.at("workloads").at(0).at("rows").at(0), "failures"), 3);
  EXPECT_TRUE(whole.at("workloads").at(0).at("best").is_null());
}

TEST(compare, wrong_use_is_named_with_what_is_accepted) {
  const auto refused = [](std::vector<std::string> arguments) {
    const ended result = run(std::move(arguments));
    EXPECT_EQ(result.status, 2);
    EXPECT_EQ(result.output, "");
    return result.errors;
  };
  EXPECT_THAT(refused({"disk"}), HasSubstr("there is no 'disk'; use io, cpu, mixed"));
  EXPECT_THAT(refused({"--tasks", "0"}), HasSubstr("--tasks: '0' is not a number from 1"));
  EXPECT_THAT(refused({"--shapes", "sync,fast:5"}), AllOf(HasSubstr("--shapes: 'fast:5'"), HasSubstr("threads:N")));
  EXPECT_THAT(refused({"--shapes", "threads:0"}), HasSubstr("--shapes"));
  EXPECT_THAT(refused({"--shapes", ","}), HasSubstr("no shape"));
  EXPECT_THAT(refused({"--shapes", "sync,async:2,sync"}), HasSubstr("--shapes: sync is named twice"));
  EXPECT_THAT(refused({"--latency", "4x"}), HasSubstr("--latency: '4x' is not a duration"));
  EXPECT_THAT(refused({"--latency", "2h"}), HasSubstr("--latency: it may be at most 1h"));
  EXPECT_THAT(refused({"--work", "0"}), HasSubstr("--work: "));
  EXPECT_THAT(refused({"io", "--work", "1s"}), HasSubstr("--work: use it with the workloads cpu, memory, lock"));
  EXPECT_THAT(refused({"cpu", "--url", "http://localhost/"}), HasSubstr("--url: use it with the workload io"));
  EXPECT_THAT(refused({"urls"}), HasSubstr("urls: it needs a list: add -i FILE"));
  EXPECT_THAT(refused({"-i", "/nowhere/list"}), HasSubstr("/nowhere/list"));
  EXPECT_THAT(refused({"io", "-i", "list"}), HasSubstr("--input: use it with the workloads urls, command"));
  EXPECT_THAT(refused({"mixed", "--share", "half"}), HasSubstr("--share: 'half' is not a share"));
  EXPECT_THAT(refused({"mixed", "--share", "0%"}), HasSubstr("above 0%"));
  EXPECT_THAT(refused({"mixed", "--share", "100%"}), HasSubstr("less than 100%"));
  EXPECT_THAT(refused({"cpu", "--size", "1MiB"}), HasSubstr("--size: use it with the workload memory"));
  EXPECT_THAT(refused({"memory", "--size", "1"}), HasSubstr("--size: use 1KiB to 4GiB"));
  EXPECT_THAT(refused({"memory", "--size", "1GiB", "--tasks", "3000", "--shapes", "sync,threads:4096"}),
              AllOf(HasSubstr("--size: threads:4096 would copy blocks of 6000.0 GiB in total"), HasSubstr("smaller")));
  EXPECT_THAT(refused({"memory", "--size", "1GiB", "--shapes", "sync", "--sweep", "processes:1024"}),
              HasSubstr("--size: processes:"));
  EXPECT_THAT(refused({"--url", "gopher://localhost/"}), AllOf(HasSubstr("--url"), HasSubstr("gopher")));
  EXPECT_THAT(refused({"--url", "http://localhost/", "--latency", "1s"}), HasSubstr("--url"));
  EXPECT_THAT(refused({"--sweep", "sync"}), HasSubstr("--sweep: 'sync' has no count to sweep"));
  EXPECT_THAT(refused({"--bogus"}), AllOf(HasSubstr("'--bogus'"), HasSubstr("--shapes")));
}

TEST(compare, help_names_every_option) {
  const ended help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* each : {"WORKLOAD", "--shapes", "--tasks", "--latency", "--work", "--url", "--json", "--share",
                           "--size", "--input", "Exit status"})
    EXPECT_THAT(help.output, HasSubstr(each));
}

TEST(compare, an_output_that_cannot_be_written_is_an_error_of_its_own) {
  child started("/bin/sh", {"-c", std::string(tool) + " compare io --latency 1ms --shapes sync >/dev/full"});
  EXPECT_THAT(started.rest_of_errors(), HasSubstr("cannot be written"));
  EXPECT_EQ(started.wait(), 3);
}

}  // namespace
