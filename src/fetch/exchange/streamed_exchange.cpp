#include "fetch/exchange/streamed_exchange.hpp"

#include <fanout/async/sleep.hpp>
#include <fanout/fetch/output_error.hpp>

#include "fetch/bodies/body_digest.hpp"
#include "fetch/bodies/body_file.hpp"
#include "fetch/bodies/kept_part.hpp"
#include "fetch/exchange/exchange_watch.hpp"
#include "fetch/exchange/response_record.hpp"
#include "fetch/text/http_date.hpp"

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace fanout::fetch::detail {
namespace {

// A body that comes faster than it can be written would keep the loop to itself.
constexpr int pieces_in_a_row = 16;

/// Tells a sink that its body was cut, however the exchange ends.
class unless_finished {
 public:
  explicit unless_finished(body_sink& into) : into_(into) {}
  unless_finished(const unless_finished&) = delete;
  unless_finished& operator=(const unless_finished&) = delete;
  ~unless_finished() {
    if (!finished_) into_.cut();
  }
  void finished() noexcept { finished_ = true; }

 private:
  body_sink& into_;
  bool finished_ = false;
};

/// What stands before a body, and where it goes: the digest of the body leaves it out.
struct text_before {
  std::string_view text = {};
  body_sink* to = nullptr;
};

/// The time of Last-Modified; 0 where there is none.
std::int64_t modified_at(const http::response& head) {
  return parse_http_date(head.headers["last-modified"]).value_or(0);
}

task<void> stream_body(const settings& how, http::response_stream& page, text_before heads, body_sink& into,
                       exchange_watch* watch, record& result) {
  const auto started = std::chrono::steady_clock::now();
  unless_finished guard(into);
  into.begin(page.head());
  if (!heads.text.empty()) {
    result.heads_written = true;
    auto writing = heads.to->write(heads.text);
    co_await std::move(writing);
  }
  for (int pieces = 1;; ++pieces) {
    auto reading = page.next_piece();
    const std::string_view piece = co_await std::move(reading);
    if (piece.empty()) break;
    if (watch != nullptr) watch->on_body(piece);
    auto writing = into.write(piece);
    co_await std::move(writing);
    result.bytes += piece.size();
    if (how.limit_rate > 0) {  // what is not read fills the connection's buffers, and TCP holds the server up
      auto pausing = sleep_until(started + time_for(result.bytes, how.limit_rate));
      co_await std::move(pausing);
    }
    if (pieces % pieces_in_a_row != 0) continue;
    auto others = yield();
    co_await std::move(others);
  }
  into.finish();
  guard.finished();
}

bool exists(const std::string& path) {
  struct stat there{};
  return lstat(path.c_str(), &there) == 0;
}

/// One body on its way to a file or to standard output.
class saved_body {
 public:
  saved_body(const http::client& with, const settings& how, const request& what, exchange_watch* watch, record& result)
      : with_(with),
        how_(how),
        what_(what),
        watch_(watch),
        result_(result),
        in_directory_(how_.body_path.ends_with('/')),
        path_(in_directory_ ? how_.body_path + what.file : how_.body_path),
        file_(path_,
              {.existing = in_directory_ && !how_.overwrite_bodies ? existing_file::refused : existing_file::replaced,
               .follow_link = !in_directory_}) {
    if (in_directory_ || path_ == "-")
      file_.hold(how_.held_body_bytes);
    else if (path_ != "-")
      file_.remember_as(what.url);
  }

  task<void> fetch(http::request message);

 private:
  bool nothing_to_do();
  task<void> fetch_rest(http::request message, kept_part there);
  task<void> save(http::response_stream& page);
  void tell_where();
  std::string name_of(const std::string& path) const;

  const http::client& with_;
  const settings& how_;
  const request& what_;
  exchange_watch* const watch_;
  record& result_;
  const bool in_directory_;
  const std::string path_;
  body_file file_;
};

/// As records name it: a file of the directory by its name alone, and standard output not at all.
std::string saved_body::name_of(const std::string& path) const {
  if (path_ == "-") return {};
  return in_directory_ && path.starts_with(how_.body_path) ? path.substr(how_.body_path.size()) : path;
}

bool saved_body::nothing_to_do() {
  if (path_ == "-" || !exists(path_)) return false;
  if (how_.skip_existing) {
    result_.skipped = true;
    result_.file = name_of(path_);
    return true;
  }
  if (in_directory_ && !how_.overwrite_bodies) part_file::refuse_existing(path_);  // before anything is sent
  return false;
}

task<void> saved_body::fetch(http::request message) {
  if (nothing_to_do()) co_return;
  std::optional<kept_part> there;
  const bool may_go_on = how_.continue_parts && !wants_digest(how_, what_);  // which is of the whole body
  if (may_go_on && message.method == "GET" && !message.headers.contains("range")) {
    std::string refused;
    there = kept_part::find(part_file::part_name(path_), what_.url, refused);
    if (!refused.empty()) result_.remark = refused + "; it begins anew";
  }
  if (there) {
    task<void> rest = fetch_rest(std::move(message), *std::move(there));
    co_await std::move(rest);
    co_return;
  }
  task<http::response_stream> opening = with_.open(std::move(message));
  http::response_stream page = co_await std::move(opening);
  take_head(how_, page.head(), page.head().url, result_);
  task<void> saving = save(page);
  co_await std::move(saving);
}

task<void> saved_body::fetch_rest(http::request message, kept_part there) {
  http::request for_rest = message;
  there.ask_for_rest(for_rest);
  task<http::response_stream> opening = with_.open(std::move(for_rest));
  std::optional<http::response_stream> page(co_await std::move(opening));
  take_head(how_, page->head(), page->head().url, result_);
  std::string why;
  using enum kept_part::answer;
  const kept_part::answer answer = there.judge(page->head(), why);
  if (answer == whole) {
    if (how_.remote_time) file_.set_time(modified_at(page->head()));
    file_.finish_as_it_is();
    result_.file = name_of(file_.where());
    result_.error.reset();
    result_.message.clear();
    result_.remark = fmt::format("all {} bytes were there", there.size());
    co_return;
  }
  if (answer == no_answer) {
    result_.file = name_of(part_file::part_name(path_));
    result_.remark = fmt::format("{} stays as it was", result_.file.str());
    co_return;
  }
  if (answer == unusable) {
    page.reset();
    result_.error.reset();
    result_.message.clear();
    result_.headers.clear();
    task<http::response_stream> again = with_.open(std::move(message));
    page.emplace(co_await std::move(again));
    take_head(how_, page->head(), page->head().url, result_);
  }
  if (answer == rest_follows) {
    file_.go_on();
    result_.remark = fmt::format("went on at byte {}", there.size());
  } else {
    result_.remark = why + "; it begins anew";
  }
  task<void> saving = save(*page);
  co_await std::move(saving);
}

task<void> saved_body::save(http::response_stream& page) {
  if (how_.drop_bodies || (how_.drop_failed_bodies && result_.status >= 400)) co_return;
  if (result_.error == failure_kind::opted_out) co_return;
  std::optional<digesting_sink> sum;
  if (wants_digest(how_, what_)) sum.emplace(&file_, result_.error ? std::string_view() : expected_digest(how_, what_));
  try {
    body_sink& into = sum ? static_cast<body_sink&>(*sum) : file_;
    const bool with_heads = how_.heads_before_body && watch_ != nullptr;
    const std::string_view heads = with_heads ? std::string_view(watch_->heads()) : std::string_view();
    if (how_.remote_time) file_.set_time(modified_at(page.head()));
    task<void> streaming = stream_body(how_, page, {heads, &file_}, into, watch_, result_);
    co_await std::move(streaming);
    if (sum) result_.sha256 = sum->digest();
  } catch (const output_error& failed) {
    result_.unwritten = failed.what();
    result_.error = failure_kind::task_failed;
    result_.message = failed.what();
    tell_where();
    co_return;
  } catch (const error& failed) {
    if (failed.kind() == failure_kind::cancelled) throw;
    if (watch_ != nullptr) watch_->on_body_cut();
    result_.error = failed.kind();
    result_.message = failed.what();
    result_.output_begun = path_ == "-" && file_.begun();
    if (sum) result_.sha256 = sum->digest();
    tell_where();
    if (path_ == "-") result_.body = file_.take_held();  // what came of it is shown if there is no other try
    co_return;
  }
  result_.output_begun = path_ == "-" && file_.begun();
  take_measurements(how_, page.head().measured, result_);
  result_.body = file_.take_held();
  if (result_.body) co_return;
  result_.file = name_of(file_.where());
}

/// Of a body that was cut.
void saved_body::tell_where() {
  if (file_.where().empty()) return;
  result_.file = name_of(file_.where());
  if (!how_.temporary_bodies) result_.message += fmt::format("; {} bytes are in {}", file_.size(), file_.where());
}

}  // namespace

std::chrono::nanoseconds time_for(std::uint64_t bytes, std::uint64_t bytes_per_s) {
  const double seconds = static_cast<double>(bytes) / static_cast<double>(bytes_per_s);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(seconds, 1e9) * 1e9));
}

task<void> stream_exchange(const http::client& with, const settings& how, http::request message, body_sink& into,
                           exchange_watch* watch, record& result) {
  task<http::response_stream> opening = with.open(std::move(message));
  http::response_stream page = co_await std::move(opening);
  take_head(how, page.head(), page.head().url, result);
  if (result.error == failure_kind::opted_out) co_return;
  task<void> streaming = stream_body(how, page, {}, into, watch, result);
  co_await std::move(streaming);
  take_measurements(how, page.head().measured, result);
}

task<void> save_exchange(const http::client& with, const settings& how, const request& what, http::request message,
                         exchange_watch* watch, record& result) {
  saved_body body(with, how, what, watch, result);
  task<void> fetching = body.fetch(std::move(message));
  co_await std::move(fetching);
}

}  // namespace fanout::fetch::detail
