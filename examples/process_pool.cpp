// A pool of worker processes; the code of docs/processes.md.

#include <fanout/fanout.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <numeric>
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

int count_words(const std::string& text) {
  int words = 0;
  bool inside = false;
  for (const char c : text) {
    if (c != ' ' && !inside) ++words;
    inside = c != ' ';
  }
  return words;
}

page counted(page one) {
  one.words = count_words(one.text);
  return one;
}

int count_all(fanout::process_pool& pool, const std::vector<std::string>& texts) {
  const std::vector<int> words = pool.map(fanout::remote<count_words>, texts);
  auto once_more = pool.submit(fanout::remote<count_words>, texts[0]);
  return std::accumulate(words.begin(), words.end(), 0) - once_more.get();
}

int count_as_completed(fanout::process_pool& pool, const std::vector<std::string>& texts) {
  std::vector<fanout::process_future<int>> counts;
  counts.reserve(texts.size());
  for (const std::string& each : texts) counts.push_back(pool.submit(fanout::remote<count_words>, each));
  int total = 0;
  for (const auto& [index, count] : fanout::as_completed(counts)) total += count.get();
  return total;
}

int count_from(const std::string& text, std::size_t first) {
  return count_words(text.substr(first));
}

int count_rests(fanout::process_pool& pool) {
  const int one = pool.call(fanout::remote<count_from>, "one two", 4, {.timeout = 10s});
  const std::vector<std::pair<std::string, std::size_t>> parts{{"one two", 4}, {"four five six", 5}};
  const std::vector<int> two = pool.map(fanout::remote<count_from>, parts);
  const std::vector<int> three = pool.map(fanout::remote<count_from>.with("four five six"), {0, 5, 10});
  return one + two[1] + three[2];
}

int slow(int) {
  for (;;) ::pause();  // a task that does not end
}

int crash(int x) {
  if (x == 1) std::raise(SIGKILL);
  return x;
}

void warm_up(const std::string&) {}

fanout::process_pool careful_pool() {
  return fanout::process_pool({
      .processes = 2,
      .task_timeout = 10s,
      .workers = {.retries = 1,
                  .quarantine_after = 2,
                  .max_tasks = 1'000,
                  .initializer = fanout::remote<warm_up>.call("names.db"),
                  .niceness = 5},
  });
}

void print_workers(fanout::process_pool& pool) {
  for (const fanout::worker_report& each : pool.report().workers)
    if (each.starts > 0) std::printf("a worker made %d of them\n", static_cast<int>(each.tasks));
}

fanout::task<int> count_later(fanout::process_pool& pool, std::string text) {
  co_return co_await pool.submit(fanout::remote<count_words>, text).async_get();
}

int main(int argc, char** argv) {
  fanout::init(argc, argv);
  const std::vector<std::string> texts{"one two", "three", "four five six"};

  fanout::process_pool pool({.processes = 2});
  std::printf("%d words, then %d\n", count_all(pool, texts),
              pool.submit(fanout::remote<counted>, page{"a b c", 0}).get().words);
  std::printf("the rest: %d\n", count_rests(pool));
  std::printf("awaited: %d\n", fanout::sync_wait(count_later(pool, texts[0])));
  std::printf("completed: %d\n", count_as_completed(pool, texts));

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

  fanout::process_pool careful = careful_pool();
  std::printf("careful: %d\n", careful.submit(fanout::remote<count_words>, texts[0]).get());
  print_workers(careful);
}
