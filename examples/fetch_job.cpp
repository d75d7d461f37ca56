// A bulk fetch as the command line runs it, from a program: a list, a record of each URL as a line of JSON, its body as
// a file of a directory, and what a sink of one's own makes of it.
#include <fanout/fetch/job.hpp>
#include <fanout/origin/background.hpp>
#include <fanout/process/init.hpp>

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace fetch = fanout::fetch;

fetch::job_report fetch_list(const std::string& list, const std::string& into) {
  fetch::body_files bodies(into + "/bodies");  // 00000000, 00000001, ...
  fetch::json_lines records(
      fetch::output::create(into + "/records.jsonl"));  // a line for each request, naming its file

  fetch::job pages;
  pages.how.shape = fanout::async(64);
  pages.settings.timeout_ms = 10'000;
  pages.sinks = {&bodies, &records};  // each record goes from one to the next
  return pages.run(fetch::request_source({}, list));
}

/// Keeps the slowest of all exchanges.
class slowest final : public fetch::sink {
 public:
  void take(fetch::finished& each, fetch::writer&) override {
    if (each.result.elapsed_ns < elapsed_ns_) return;
    elapsed_ns_ = each.result.elapsed_ns;
    url_ = each.asked.url;
  }
  const std::string& url() const { return url_; }

 private:
  std::int64_t elapsed_ns_ = 0;
  std::string url_;
};

int main(int argc, char** argv) {
  fanout::init(argc, argv);  // worker processes begin here

  const fanout::origin::background origin;
  const std::string directory = std::filesystem::temp_directory_path() / ("fetch_job-" + std::to_string(getpid()));
  std::filesystem::create_directory(directory);
  std::ofstream list(directory + "/urls");
  for (int i = 1; i < 100; ++i) list << origin.url(i % 10 == 0 ? "/status/404" : "/bytes/" + std::to_string(i)) << '\n';
  list << R"({"id": "the slow one", "url": ")" << origin.url("/delay/200") << "\"}\n";
  list.close();

  std::filesystem::create_directory(directory + "/plain");
  const fetch::job_report plain = fetch_list(directory + "/urls", directory + "/plain");
  std::printf("%llu of a list\n", static_cast<unsigned long long>(plain.counts.succeeded));

  for (const auto& shape : {fanout::async(16), fanout::grid(2, 1, 8)}) {
    const std::string into = directory + "/" + to_string(shape);
    std::filesystem::create_directory(into);
    fetch::body_files bodies(into + "/bodies");
    fetch::json_lines records(fetch::output::create(into + "/records.jsonl"));
    slowest last;

    fetch::job pages;
    pages.how.shape = shape;
    pages.settings.timeout_ms = 10'000;
    pages.sinks = {&bodies, &records, &last};  // each record goes from one to the next
    const fetch::job_report done = pages.run(fetch::request_source({}, directory + "/urls"));

    std::ifstream written(into + "/records.jsonl");
    int lines = 0;
    for (std::string line; std::getline(written, line);) ++lines;
    std::printf("%llu fetched, %llu failed, %d records, body 4 has %llu bytes, the slowest is %s\n",
                static_cast<unsigned long long>(done.counts.succeeded),
                static_cast<unsigned long long>(done.counts.failed), lines,
                static_cast<unsigned long long>(std::filesystem::file_size(into + "/bodies/00000004")),
                last.url() == origin.url("/delay/200") ? "/delay/200" : last.url().c_str());
  }
  std::filesystem::remove_all(directory);
}
