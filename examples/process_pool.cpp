// A pool of worker processes; the code of docs/processes.md.

#include <fanout/fanout.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

struct page {
  std::string text;
  int words = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text, words);
  }
};

int count_words(const page& one) {
  int words = 0;
  bool inside = false;
  for (const char c : one.text) {
    if (c != ' ' && !inside) ++words;
    inside = c != ' ';
  }
  return words;
}

int count_from(const page& one, std::size_t first) {
  return count_words({one.text.substr(first), 0});
}

int slow(int) {
  for (;;) ::pause();  // a task that does not end
}

int crash(int x) {
  if (x == 1) std::raise(SIGKILL);
  return x;
}

void warm_up(const std::string&) {}

fanout::task<int> count_later(fanout::process_pool& pool, page one) {
  co_return co_await pool.submit(fanout::remote<count_words>, one).async_get();
}

int main(int argc, char** argv) {
  fanout::init(argc, argv);
  const std::vector<page> pages{{"one two", 0}, {"three", 0}, {"four five six", 0}};

  fanout::process_pool pool({.processes = 2});
  std::vector<int> words = pool.map(fanout::remote<count_words>, pages);
  auto one = pool.submit(fanout::remote<count_words>, pages[2]);
  std::printf("%d words, then %d\n", words[0] + words[1] + words[2], one.get());

  int rest = pool.call(fanout::remote<count_from>, pages[0], 4, {.timeout = 10s});
  const std::vector<std::pair<page, std::size_t>> parts{{pages[0], 4}, {pages[2], 5}};
  std::vector<int> rests = pool.map(fanout::remote<count_from>, parts);
  std::vector<int> later = pool.map(fanout::remote<count_from>.with(pages[2]), {0, 5, 10});
  std::printf("the rest: %d, %d, %d\n", rest, rests[1], later[2]);

  std::printf("awaited: %d\n", fanout::sync_wait(count_later(pool, pages[0])));

  std::vector<fanout::process_future<int>> counts;
  counts.reserve(pages.size());
  for (const page& each : pages) counts.push_back(pool.submit(fanout::remote<count_words>, each));
  int total = 0;
  for (const auto& [index, count] : fanout::as_completed(counts)) total += count.get();
  std::printf("completed: %d\n", total);

  try {
    pool.submit(fanout::remote<slow>, 1, {.timeout = 200ms}).get();
  } catch (const fanout::error& late) {
    std::printf("%s\n", late.what());
  }

  fanout::options how;
  how.on_error = fanout::on_error::collect;
  pool.for_each_completed(
      fanout::remote<crash>, std::vector{0, 1, 2},
      [](const fanout::outcome<int>& out) {
        if (!out.ok()) std::printf("%s\n", out.error().message.c_str());
      },
      how);
  pool.close();

  fanout::process_pool careful({
      .processes = 2,
      .task_timeout = 10s,
      .workers = {.retries = 1,
                  .quarantine_after = 2,
                  .max_tasks = 1'000,
                  .initializer = fanout::remote<warm_up>.call("names.db"),
                  .niceness = 5},
  });
  std::printf("careful: %d\n", careful.submit(fanout::remote<count_words>, pages[0]).get());
  for (const fanout::worker_report& each : careful.report().workers)
    if (each.starts > 0) std::printf("a worker made %d of them\n", static_cast<int>(each.tasks));
}
