#include "fetch/sources/sitemap_list.hpp"

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/record_text.hpp>

#include "fetch/sources/input_file.hpp"
#include "fetch/sources/sitemap_reader.hpp"
#include "fetch/sources/sitemap_store.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <fstream>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

namespace fanout::fetch {
namespace {

constexpr int most_levels = 3;
constexpr std::size_t most_sitemaps = 1'000'000;
constexpr std::size_t piece_bytes = 64 * 1024;

bool is_web_url(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

/// One sitemap that comes from a server: fetched on a thread of its own, and whole before any of it is read, as whoever
/// reads may take hours.
class fetched_sitemap {
 public:
  fetched_sitemap(const settings& how, const std::string& url, int event) : with_(how), event_(event) {
    what_.url = url;
    thread_ = std::thread([this] { run(); });
  }
  fetched_sitemap(const fetched_sitemap&) = delete;
  fetched_sitemap& operator=(const fetched_sitemap&) = delete;
  ~fetched_sitemap() {
    boost::asio::post(loop_, [this] { stopping_.emit(boost::asio::cancellation_type::terminal); });
    if (thread_.joinable()) thread_.join();
  }

  bool done() const noexcept { return done_; }
  /// Waits for it.
  record take() {
    thread_.join();
    if (failed_) std::rethrow_exception(failed_);
    return std::move(result_);
  }

 private:
  void run() {
    const auto ended = [this](const std::exception_ptr& thrown, record got) {
      failed_ = thrown;
      result_ = std::move(got);
    };
    boost::asio::co_spawn(loop_, exchange(with_, what_), boost::asio::bind_cancellation_slot(stopping_.slot(), ended));
    loop_.run();
    done_ = true;
    const std::uint64_t one = 1;
    static_cast<void>(!::write(event_, &one, sizeof one));
  }

  const exchanger with_;
  request what_;
  const int event_;
  boost::asio::io_context loop_{1};
  boost::asio::cancellation_signal stopping_;
  record result_;
  std::exception_ptr failed_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace

bool names_sitemap(const std::string& list) {
  if (is_web_url(list)) return true;
  std::string_view name = list;
  for (const std::string_view packed : {".gz", ".zst"})
    if (name.ends_with(packed)) name.remove_suffix(packed.size());
  return name.ends_with(".xml");
}

bool needs_store(const std::string& list) {
  if (is_web_url(list)) return true;
  struct stat is{};
  return names_sitemap(list) && ::stat(list.c_str(), &is) == 0 && S_ISREG(is.st_mode) && is_sitemap_index(list);
}

bool is_sitemap_index(const std::string& path) {
  input_file file(path);
  std::string text;
  while (text.size() < piece_bytes && file.read_into(text)) continue;
  const auto index = text.find("<sitemapindex");
  return index < text.find("<urlset");
}

class sitemap_list::implementation {
 public:
  explicit implementation(const std::string& name) : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_) throw std::system_error(errno, std::generic_category(), "eventfd");
    how_.max_body_bytes = sitemap_reader::most_bytes;
    if (!is_web_url(name)) std::make_unique<input_file>(name).swap(file_);  // what is wrong with it is known at once
    current_ = {name, 0};
    if (file_)
      reader_ = std::make_unique<sitemap_reader>();
    else
      waiting_.push_back(current_);
    seen_.insert(name);
    const auto slash = name.rfind('/');
    if (slash != name.npos) directory_ = name.substr(0, slash + 1);
  }

  void set_settings(const settings& how) {
    how_ = how;
    how_.max_body_bytes = std::min<std::uint64_t>(how.max_body_bytes, sitemap_reader::most_bytes);
    how_.keep_body = how_.decode_content = true;
    how_.keep_headers = how_.keep_timings = how_.keep_trace = how_.keep_heads = how_.keep_messages = false;
    how_.keep_coding = how_.use_cookies = false;
    how_.body_path.clear();
    how_.body_file.clear();
    how_.form.clear();
  }
  void set_store(std::shared_ptr<sitemap_store> store) { store_ = std::move(store); }
  int handle() const noexcept { return event_.value(); }

  /// Gets as far as the next page, a failure or the end; false where that would mean to wait, and `may_wait` is not.
  bool advance(bool may_wait) {
    for (;;) {
      try {
        if (!problem_.empty() || failed_) return true;
        if (has_page()) return true;
        found_.clear();
        next_ = 0;
        if (reader_) {
          read_piece();
        } else if (fetching_) {
          if (!may_wait && !fetching_->done()) return false;
          take_fetched();
        } else if (!waiting_.empty()) {
          open_next();
        } else {
          return true;
        }
      } catch (const output_error&) {  // of the store: what was not kept must not be fetched
        throw;
      } catch (const std::runtime_error& why) {
        reader_.reset();
        file_.reset();
        fetching_.reset();
        refuse(current_.name, why.what());
        if (current_.level == 0) failed_ = std::make_exception_ptr(std::runtime_error(problem_));
      }
    }
  }

  std::optional<request> take(bool passthrough) {
    if (failed_) std::rethrow_exception(failed_);
    request made;
    made.method.clear();
    if (!problem_.empty()) {
      made.url = std::exchange(refused_, {});
      made.problem = std::exchange(problem_, {});
      return made;
    }
    if (next_ == found_.size()) return std::nullopt;
    sitemap_entry& entry = found_[next_++];
    made.url = std::move(entry.location);
    if (!passthrough || entry.last_modified.empty()) return made;
    made.extra = ",\"lastmod\":";
    append_json_string(made.extra, entry.last_modified);
    return made;
  }

 private:
  struct place {
    std::string name;
    int level = 0;  ///< of the indexes above it
  };

  void refuse(const std::string& name, std::string_view why) {
    refused_ = name;
    problem_ = fmt::format("cannot read the sitemap {}: {}", name, why);
  }

  /// Puts the sitemaps before it where they wait.
  bool has_page() {
    for (; next_ < found_.size() && found_[next_].is_sitemap; ++next_) {
      add_sitemap(found_[next_].location);
      if (!problem_.empty()) {
        ++next_;
        return true;
      }
    }
    return next_ < found_.size();
  }

  void add_sitemap(const std::string& location) {
    place made{location, current_.level + 1};
    if (!is_web_url(location)) {
      const bool inside = !location.starts_with('/') && ("/" + location + "/").find("/../") == std::string::npos;
      if (is_web_url(current_.name)) return refuse(location, "it is no URL of http or https");
      if (!inside) return refuse(location, "it is not in the directory of its index");
      made.name = directory_ + location;
    }
    if (made.level >= most_levels) return refuse(location, "it is more than three levels deep");
    if (seen_.size() >= most_sitemaps) return refuse(location, "there are a million others");
    if (seen_.insert(made.name).second) waiting_.push_back(std::move(made));
  }

  void open_next() {
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    if (auto kept = store_ ? store_->find(current_.name) : std::nullopt) {
      if (kept->failed) throw std::runtime_error(kept->text);
      return begin_body(std::move(kept->text));
    }
    if (is_web_url(current_.name)) {
      fetching_ = std::make_unique<fetched_sitemap>(how_, current_.name, event_.value());
      return;
    }
    if (store_) return begin_body(kept_file());
    file_ = std::make_unique<input_file>(current_.name);
    reader_ = std::make_unique<sitemap_reader>();
  }

  void take_fetched() {
    record got = fetching_->take();
    fetching_.reset();
    std::uint64_t signals = 0;
    static_cast<void>(!::read(event_.value(), &signals, sizeof signals));
    if (got.error) fail_for_good(got.message);
    std::string body = std::move(got.body).value_or(std::string());
    if (store_) store_->add(current_.name, {false, body});
    begin_body(std::move(body));
  }

  /// The run that goes on is not to find pages where this one found none: they would have other numbers.
  [[noreturn]] void fail_for_good(const std::string& why) {
    if (store_ && current_.level > 0) store_->add(current_.name, {true, why});
    throw std::runtime_error(why);
  }

  /// The bytes of a file beside the index.
  std::string kept_file() {
    std::ifstream file(current_.name, std::ios::binary);
    struct stat is{};
    const bool known = ::stat(current_.name.c_str(), &is) == 0 && is.st_size >= 0;
    const std::uint64_t size = known ? static_cast<std::uint64_t>(is.st_size) : 0;
    // One more than is read: what is too large is found by the reader.
    std::string bytes(static_cast<std::size_t>(std::min(size, sitemap_reader::most_bytes) + 1), '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!known || !file.is_open() || file.bad()) fail_for_good("it cannot be read");
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    store_->add(current_.name, {false, bytes});
    return bytes;
  }

  void begin_body(std::string bytes) {
    body_ = std::move(bytes);
    body_at_ = 0;
    unpacker_ = unpacker_for(body_.data(), body_.size());
    reader_ = std::make_unique<sitemap_reader>();
  }

  void read_piece() {
    piece_.clear();
    bool ended = false;
    if (file_) {
      ended = !file_->read_into(piece_);
    } else {
      const std::size_t size = std::min(piece_bytes, body_.size() - body_at_);
      if (unpacker_)
        unpacker_->unpack(body_.data() + body_at_, size, piece_);
      else
        piece_.assign(body_, body_at_, size);
      body_at_ += size;
      ended = body_at_ == body_.size();
      if (ended && unpacker_) unpacker_->finish();
    }
    reader_->feed(piece_, found_);
    if (!ended) return;
    reader_->finish(found_);
    reader_.reset();
    file_.reset();
    unpacker_.reset();
    std::exchange(body_, {}).clear();
  }

  settings how_ = [] {
    settings made;
    made.keep_body = true;
    return made;
  }();
  const fanout::detail::owned_descriptor event_;  ///< readable once a sitemap is fetched
  std::shared_ptr<sitemap_store> store_;          ///< null: none
  std::string directory_;                         ///< of the first one, with a slash; empty: the working directory
  std::deque<place> waiting_;
  std::unordered_set<std::string> seen_;
  place current_;
  std::unique_ptr<fetched_sitemap> fetching_;
  std::unique_ptr<sitemap_reader> reader_;  ///< of the current one, while it is read
  std::unique_ptr<input_file> file_;
  std::string body_;  ///< instead of a file
  std::size_t body_at_ = 0;
  std::unique_ptr<unpacker> unpacker_;
  std::string piece_;
  std::vector<sitemap_entry> found_;
  std::size_t next_ = 0;
  std::string refused_;
  std::string problem_;
  std::exception_ptr failed_;
};

sitemap_list::sitemap_list(const std::string& name) : implementation_(std::make_unique<implementation>(name)) {}
sitemap_list::~sitemap_list() = default;

std::optional<request> sitemap_list::next(bool passthrough) {
  implementation_->advance(true);
  return implementation_->take(passthrough);
}
bool sitemap_list::ready() {
  return implementation_->advance(false);
}
int sitemap_list::handle() const noexcept {
  return implementation_->handle();
}
void sitemap_list::set_store(std::shared_ptr<sitemap_store> store) {
  implementation_->set_store(std::move(store));
}
void sitemap_list::set_settings(const settings& how) {
  implementation_->set_settings(how);
}

}  // namespace fanout::fetch
