#include "cli/fetch/curl_arguments.hpp"

#include <fanout/core/shape.hpp>
#include <fanout/fetch/units.hpp>
#include <fanout/fetch/url_glob.hpp>
#include <fanout/http/client_options.hpp>

#include "cli/fetch/config_file.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

namespace fanout::cli {
namespace {

// Curl has no limits unless it is told.
constexpr std::int64_t no_time_limit = 1'000'000'000'000;
constexpr std::int32_t redirects_by_default = 50;

/// All that was read so far.
struct curl_line {
  fetch_options common;
  std::vector<std::string> urls;
  std::vector<std::string> outputs;  ///< of -o and -O in order, one for each URL; "" is -O, "-" standard output
  bool follow = false;
  bool compressed = false;
  bool show_error = false;
  bool parallel = false;
  bool all_remote = false;
  bool globs = true;
  bool fail_early = false;
  std::string proxy_user;
  std::optional<std::int32_t> max_redirects;
  std::uint64_t parallel_max = 50;
  int config_depth = 0;
};

/// An option of curl that means something else to `fanout fetch`, or nothing.
struct curl_row {
  std::string_view names;
  std::string_view value_name;
  std::string_view help;
  void (*take)(curl_line& into, std::string_view text);
};

/// Reads from `at` on, up to --next or the end, and returns where that is.
std::size_t read_arguments(const std::vector<std::string>& arguments, std::size_t at, curl_line& into);

void take_config(curl_line& into, std::string_view path) {
  if (into.config_depth >= 8)
    throw std::invalid_argument(fmt::format("{} is the ninth file that one of them names in another", path));
  ++into.config_depth;
  const std::vector<std::string> arguments = config_arguments(std::string(path));
  if (read_arguments(arguments, 0, into) < arguments.size())
    throw std::invalid_argument(fmt::format("{} has --next, which is not supported in a file of options", path));
  --into.config_depth;
}

void take_nothing(curl_line&, std::string_view) {}

void take_proxy(curl_line& into, std::string_view scheme, std::string_view text) {
  into.common.http.settings.proxy = std::string(scheme).append(text);
  into.common.http.settings.proxy_from_environment = false;
}

/// "http://user:password@proxy"; characters that have a meaning there are encoded.
std::string with_user(const std::string& proxy, std::string_view user) {
  std::string encoded;
  for (const char c : user) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) ||
                       std::string_view("-._~!$&'()*+,;=:").find(c) != std::string_view::npos;
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  const auto scheme = proxy.find("://");
  const std::size_t at = scheme == proxy.npos ? 0 : scheme + 3;
  return fmt::format("{}{}@{}", proxy.substr(0, at), encoded, proxy.substr(at));
}

constexpr std::array own_rows{
    curl_row{"-s,--silent", "", "Say nothing of failures",
             [](curl_line& in, std::string_view) { in.common.silent = true; }},
    curl_row{"-S,--show-error", "", "With -s: say what failed",
             [](curl_line& in, std::string_view) { in.show_error = true; }},
    curl_row{"--fail-with-body", "", "Exit with 22 where a page has status 400 or above, and write it",
             [](curl_line& in, std::string_view) { in.common.fail_with_body = true; }},
    curl_row{"-U,--proxy-user", "USER:PASSWORD", "Use Basic authentication for the proxy",
             [](curl_line& in, std::string_view text) { in.proxy_user = text; }},
    curl_row{"--socks5", "HOST[:PORT]", "Use this SOCKS5 proxy, with addresses that are looked up here",
             [](curl_line& in, std::string_view text) { take_proxy(in, "socks5://", text); }},
    curl_row{"--socks5-hostname", "HOST[:PORT]", "Use this SOCKS5 proxy, which looks names up",
             [](curl_line& in, std::string_view text) { take_proxy(in, "socks5h://", text); }},
    curl_row{"--max-redirs", "N", "With -L: follow at most this many redirects; -1: any number (default: 50)",
             [](curl_line& in, std::string_view text) {
               in.max_redirects =
                   text == "-1" ? INT32_MAX : static_cast<std::int32_t>(fetch::parse_count(text, 0, 1'000'000));
             }},
    curl_row{"--no-location", "", "Follow no redirects", [](curl_line& in, std::string_view) { in.follow = false; }},
    curl_row{"-i,--include", "", "Write the header before the page",
             [](curl_line& in, std::string_view) { in.common.include = true; }},
    curl_row{"-o,--output", "FILE", "File for the page",
             [](curl_line& in, std::string_view text) { in.outputs.emplace_back(text.empty() ? "-" : text); }},
    curl_row{"-O,--remote-name", "", "The file has the name that the URL ends with",
             [](curl_line& in, std::string_view) { in.outputs.emplace_back(); }},
    curl_row{"--remote-name-all", "", "-O for each URL", [](curl_line& in, std::string_view) { in.all_remote = true; }},
    curl_row{"-L,--location", "", "Follow redirects", [](curl_line& in, std::string_view) { in.follow = true; }},
    curl_row{"--location-trusted", "", "As -L, and send -u to other hosts, too",
             [](curl_line& in, std::string_view) { in.follow = in.common.http.settings.trust_redirects = true; }},
    curl_row{"--compressed", "", "Ask for compression and undo it",
             [](curl_line& in, std::string_view) { in.compressed = true; }},
    curl_row{"--url", "URL", "A URL", [](curl_line& in, std::string_view text) { in.urls.emplace_back(text); }},
    curl_row{"-Z,--parallel", "", "Fetch several at once", [](curl_line& in, std::string_view) { in.parallel = true; }},
    curl_row{"--parallel-max", "N", "So many (default 50)",
             [](curl_line& in, std::string_view text) {
               in.parallel_max = fetch::parse_count(text, 1, shape_limits::in_flight);
             }},
    curl_row{"-g,--globoff", "", "Brackets and braces in URLs stand for themselves",
             [](curl_line& in, std::string_view) { in.globs = false; }},
    curl_row{"--fail-early", "", "Stop at the first URL that fails",
             [](curl_line& in, std::string_view) { in.fail_early = true; }},
    curl_row{"-K,--config", "FILE", "File of options", take_config},
    curl_row{"-:,--next", "", "The options after it are for the URLs after it", take_nothing},
    curl_row{"--no-silent", "", "", [](curl_line& in, std::string_view) { in.common.silent = false; }},
    curl_row{"--no-show-error", "", "", [](curl_line& in, std::string_view) { in.show_error = false; }},
    curl_row{"--no-include", "", "", [](curl_line& in, std::string_view) { in.common.include = false; }},
    curl_row{"--no-fail", "", "", [](curl_line& in, std::string_view) { in.common.fail = false; }},
    curl_row{"--no-fail-with-body", "", "", [](curl_line& in, std::string_view) { in.common.fail_with_body = false; }},
    curl_row{"--no-verbose", "", "", [](curl_line& in, std::string_view) { in.common.verbose = false; }},
    curl_row{"--no-compressed", "", "", [](curl_line& in, std::string_view) { in.compressed = false; }},
    curl_row{"--no-parallel", "", "", [](curl_line& in, std::string_view) { in.parallel = false; }},
    curl_row{"--no-remote-name-all", "", "", [](curl_line& in, std::string_view) { in.all_remote = false; }},
    curl_row{"--no-globoff", "", "", [](curl_line& in, std::string_view) { in.globs = true; }},
    curl_row{"--no-fail-early", "", "", [](curl_line& in, std::string_view) { in.fail_early = false; }},
    curl_row{"--no-sessionid", "", "", take_nothing},
    curl_row{"--sessionid", "", "", take_nothing},
    curl_row{"--no-npn", "", "", take_nothing},
    curl_row{"--styled-output", "", "", take_nothing},
    curl_row{"--no-styled-output", "", "", take_nothing},
    curl_row{"--compressed-ssh", "", "", take_nothing},
    curl_row{"--buffer", "", "", take_nothing},
    curl_row{"--keepalive", "", "", take_nothing},
    curl_row{"--progress-meter", "", "", take_nothing},
    curl_row{"-l,--list-only", "", "", take_nothing},
    curl_row{"-B,--use-ascii", "", "", take_nothing},
    curl_row{"--no-alpn", "", "Use HTTP/1.1 only, as nothing is negotiated",
             [](curl_line& in, std::string_view) {
               in.common.http.settings.http_versions = static_cast<std::uint8_t>(http::http_versions::http_1_1);
             }},
    curl_row{"--expect100-timeout", "SECONDS", "", take_nothing},
    curl_row{"--happy-eyeballs-timeout-ms", "MS", "", take_nothing},
    curl_row{"-q,--disable", "", "", take_nothing},
    curl_row{"-#,--progress-bar", "", "", take_nothing},
    curl_row{"--no-progress-meter", "", "", take_nothing},
    curl_row{"--keepalive-time", "SECONDS", "", take_nothing},
    curl_row{"--ssl-no-revoke", "", "", take_nothing},
};

/// An option, whichever table it stands in.
struct curl_option {
  std::string_view names;
  bool has_value = false;
  std::function<void(curl_line&, std::string_view)> take;
};

bool has_name(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const auto end = std::min(names.find(','), names.size());
    if (names.substr(0, end) == name) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

std::optional<curl_option> find_option(std::string_view name) {
  for (const curl_row& row : own_rows)
    if (has_name(row.names, name)) return curl_option{row.names, !row.value_name.empty(), row.take};
  for (const output_option& row : output_option_table())
    if (has_name(row.names, name))
      return curl_option{row.names, !row.value_name.empty(),
                         [&row](curl_line& in, std::string_view text) { row.take(in.common, text); }};
  for (const fetch::http_option& row : fetch::http_option_table())
    if (has_name(row.names, name))
      return curl_option{row.names, !row.value_name.empty(),
                         [&row](curl_line& in, std::string_view text) { row.take(in.common.http, text); }};
  return std::nullopt;
}

/// --no-NAME of an option that is on or off.
std::optional<curl_option> find_undoing(std::string_view name) {
  constexpr std::string_view no = "--no-";
  if (!name.starts_with(no)) return std::nullopt;
  const std::string undone = fmt::format("--{}", name.substr(no.size()));
  for (const fetch::http_option& row : fetch::http_option_table())
    if (row.undo != nullptr && has_name(row.names, undone))
      return curl_option{row.names, false, [&row](curl_line& in, std::string_view) { row.undo(in.common.http); }};
  return std::nullopt;
}

template <class Call>
void for_each_long_name(Call call) {
  const auto all = [&](std::string_view names) {
    for (; !names.empty(); names.remove_prefix(std::min(names.find(','), names.size() - 1) + 1))
      if (const auto name = names.substr(0, names.find(',')); name.starts_with("--")) call(name);
  };
  for (const curl_row& row : own_rows) all(row.names);
  for (const output_option& row : output_option_table()) all(row.names);
  for (const fetch::http_option& row : fetch::http_option_table()) all(row.names);
}

/// As curl: the beginning of a long name stands for it, if no other begins so.
std::optional<curl_option> find_long(std::string_view name) {
  if (auto found = find_option(name)) return found;
  if (auto found = find_undoing(name)) return found;
  std::optional<std::string_view> only;
  bool several = false;
  for_each_long_name([&](std::string_view each) {
    if (!each.starts_with(name)) return;
    several |= only && *only != each;
    only = each;
  });
  return only && !several ? find_option(*only) : std::nullopt;
}

/// Whether an option of the common tables is replaced by one of this table.
bool is_own(std::string_view names) {
  const std::string_view first = names.substr(0, names.find(','));
  return std::any_of(own_rows.begin(), own_rows.end(), [&](const curl_row& row) { return has_name(row.names, first); });
}

/// Why some are not: who asks for them is told what to do.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> refusals{{
    {"--append", "appending is for uploads by FTP, which is not supported"},
    {"-a", "appending is for uploads by FTP, which is not supported"},
    {"--preproxy", "one proxy at a time is supported: -x, --socks5 or --socks5-hostname"},
    {"--http1.0", "requests are sent as HTTP/1.1 or HTTP/2; leave it out, responses of HTTP/1.0 are read"},
    {"-0", "requests are sent as HTTP/1.1 or HTTP/2; leave it out, responses of HTTP/1.0 are read"},
    {"--http3", "HTTP/3 is not supported; leave it out for HTTP/2"},
    {"--http3-only", "HTTP/3 is not supported; leave it out for HTTP/2"},
    {"--ntlm", "NTLM is not supported; -u is for Basic, --digest and --anyauth are"},
    {"--negotiate", "Negotiate (Kerberos) is not supported; -u is for Basic, --digest and --anyauth are"},
    {"--sslv2", "this version of TLS is not safe; 1.2 is the least"},
    {"--sslv3", "this version of TLS is not safe; 1.2 is the least"},
    {"--aws-sigv4", "requests are not signed; give the signature by -H 'Authorization: ...'"},
}};

[[noreturn]] void refuse_option(std::string_view name) {
  for (const auto& [which, why] : refusals)
    if (name.substr(0, name.find(' ')) == which)
      throw usage_error(fmt::format("{}: this option of curl is not supported: {}", name, why));
  throw usage_error(
      fmt::format("{}: this option of curl is not supported; fanout curl --help lists those that are", name));
}

void take_value(const curl_option& option, std::string_view name, curl_line& into, std::string_view text) {
  try {
    option.take(into, text);
  } catch (const std::invalid_argument& refused) {
    throw usage_error(fmt::format("{}: {}", name, refused.what()));
  }
}

/// `-sSLo FILE`: options without a value, and then one that may have the rest as its own.
void read_short(std::string_view word, curl_line& into, const std::function<std::string(std::string_view)>& next) {
  for (std::size_t at = 1; at < word.size(); ++at) {
    const std::string name{'-', word[at]};
    const auto option = find_option(name);
    if (!option) refuse_option(word.size() == 2 ? name : fmt::format("{} (in {})", name, word));
    if (!option->has_value) {
      take_value(*option, name, into, {});
      continue;
    }
    const std::string rest(word.substr(at + 1));
    return take_value(*option, name, into, rest.empty() ? next(name) : rest);
  }
}

std::size_t read_arguments(const std::vector<std::string>& arguments, std::size_t at, curl_line& into) {
  bool only_urls = false;
  for (; at < arguments.size(); ++at) {
    const std::string& word = arguments[at];
    if (!only_urls && (word == "--next" || word == "-:")) return at;
    const auto next = [&](std::string_view name) -> std::string {
      if (at + 1 == arguments.size()) throw usage_error(fmt::format("{}: its value is missing", name));
      return arguments[++at];
    };
    if (only_urls || !word.starts_with('-')) {
      if (word.empty()) throw usage_error("an argument is empty; a URL is none");
      into.urls.push_back(word);
    } else if (word == "--") {
      only_urls = true;
    } else if (word.starts_with("--")) {
      const auto option = find_long(word);
      if (!option) refuse_option(word);
      take_value(*option, word, into, option->has_value ? next(word) : std::string());
    } else if (word == "-") {
      throw usage_error("-: it is no URL");
    } else {
      read_short(word, into, next);
    }
  }
  return at;
}

bool gives_header(const std::vector<std::string>& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const std::string& each) {
    return each.size() > name.size() && boost::beast::iequals(each.substr(0, name.size()), name) &&
           (each[name.size()] == ':' || each[name.size()] == ';');
  });
}

/// As curl: of two that say the same, the header counts; what is no header is passed over; files of cookies need not be
/// there.
void settle_headers(fetch::http_options& http) {
  std::erase_if(http.headers, [](const std::string& each) {
    return each.find_first_of(":;") == each.npos && !each.starts_with('@');
  });
  if (gives_header(http.headers, "user-agent")) http.user_agent.clear();
  if (gives_header(http.headers, "referer")) http.referer.clear();
  if (gives_header(http.headers, "cookie"))
    std::erase_if(http.cookies, [](const std::string& each) { return each.find('=') != each.npos; });
  for (std::string& each : http.cookies)
    if (each.find('=') == each.npos && access(each.c_str(), F_OK) != 0 && each != http.cookie_jar) each.clear();
  if (!http.bearer.empty()) http.user.clear();
}

/// What holds for all URLs of the line.
void set_defaults(curl_line& line) {
  fetch_options& all = line.common;
  fetch::settings& how = all.http.settings;
  all.as_curl = true;
  settle_headers(all.http);
  all.quiet = true;
  all.silent = all.silent && !line.show_error;
  all.shape = line.parallel ? fmt::format("async:{}", line.parallel_max) : "sync";
  how.max_redirects = line.follow ? line.max_redirects.value_or(redirects_by_default) : 0;
  how.decode_content = line.compressed;
  if (!line.proxy_user.empty() && !how.proxy.empty() && how.proxy.find('@') == how.proxy.npos)
    how.proxy = with_user(how.proxy, line.proxy_user);
  // What -L forbids to follow is a failure then, not the page.
  all.redirects_fail = line.follow && how.max_redirects == 0;
  const fetch::settings unless_told;
  if (how.timeout_ms == unless_told.timeout_ms || how.timeout_ms == 0) how.timeout_ms = no_time_limit;
  if (how.idle_timeout_ms == unless_told.idle_timeout_ms) how.idle_timeout_ms = no_time_limit;
  if (how.connect_timeout_ms == unless_told.connect_timeout_ms || how.connect_timeout_ms == 0)
    how.connect_timeout_ms = 300'000;
  if (!all.http.speed_limit && !all.http.speed_time_ms) all.http.speed_limit = 0;
  if (how.max_body_bytes == unless_told.max_body_bytes) how.max_body_bytes = std::numeric_limits<std::int64_t>::max();
}

/// "page-#1.html" with what the first set or range of the URL stands for; a number that there is not stays.
std::string with_values(const std::string& output, const std::vector<std::string>& values) {
  std::string made;
  for (std::size_t at = 0; at < output.size(); ++at) {
    std::size_t end = at + 1;
    std::size_t number = 0;
    for (; output[at] == '#' && end < output.size() && std::isdigit(static_cast<unsigned char>(output[end])); ++end)
      number = std::min<std::size_t>(number * 10 + static_cast<std::size_t>(output[end] - '0'), 1'000'000);
    if (number > 0 && number <= values.size()) {
      made += values[number - 1];
      at = end - 1;
    } else {
      made += output[at];
    }
  }
  return made;
}

/// Puts URLs into jobs: one for each run of URLs whose pages go to the same place.
class job_list {
 public:
  job_list(const curl_line& line, curl_command& made) : line_(line), made_(made), first_(made.jobs.size()) {}

  void add(const std::string& url, const std::string& output) {
    if (++count_ > most_urls)
      throw usage_error(
          fmt::format("sets and ranges stand for more than {} URLs; fanout fetch --glob takes any number "
                      "(with -O for files of their own)",
                      most_urls));
    // A file is for one page; standard output takes them all.
    if (made_.jobs.size() == first_ || output != "-" || destination_ != output || line_.fail_early) {
      fetch_options job = line_.common;
      job.remote_name = output.empty();
      job.destination = output == "-" ? "" : output;
      made_.jobs.push_back(std::move(job));
    }
    destination_ = output;
    made_.jobs.back().urls.push_back(url);
  }

 private:
  static constexpr std::size_t most_urls = 100'000;

  const curl_line& line_;
  curl_command& made_;
  const std::size_t first_;
  std::size_t count_ = 0;
  std::optional<std::string> destination_;
};

void add_jobs(const curl_line& line, curl_command& made) {
  job_list jobs(line, made);
  for (std::size_t i = 0; i < line.urls.size(); ++i) {
    const bool given = i < line.outputs.size();
    const std::string output = given ? line.outputs[i] : line.all_remote ? "" : "-";
    if (!line.globs) {
      jobs.add(line.urls[i], output);
      continue;
    }
    try {
      const fetch::url_glob all(line.urls[i]);
      for (std::uint64_t number = 0; number < all.size(); ++number) {
        const auto values = all.values(number);
        jobs.add(all[number], values.empty() ? output : with_values(output, values));
      }
    } catch (const std::invalid_argument& refused) {
      throw usage_error(
          fmt::format("{}: {}; with -g, brackets and braces stand for themselves", line.urls[i], refused.what()));
    }
  }
}

}  // namespace

curl_command parse_curl(const std::vector<std::string>& arguments) {
  curl_command made;
  curl_line line;
  for (std::size_t at = 0;; ++at) {
    at = read_arguments(arguments, at, line);
    if (line.urls.empty()) throw usage_error("no URL; curl's command line has at least one, also after --next");
    curl_line behind;  // only what is global holds there, too
    behind.common.silent = line.common.silent;
    behind.common.verbose = line.common.verbose;
    behind.show_error = line.show_error;
    behind.parallel = line.parallel;
    behind.parallel_max = line.parallel_max;
    behind.fail_early = line.fail_early;
    behind.common.error_file = line.common.error_file;
    behind.common.http.settings.trace_file = line.common.http.settings.trace_file;
    behind.common.http.settings.trace_in_hex = line.common.http.settings.trace_in_hex;
    behind.common.http.settings.time_trace = line.common.http.settings.time_trace;
    set_defaults(line);
    add_jobs(line, made);
    made.fail_early |= line.fail_early;
    if (at == arguments.size()) return made;
    line = std::move(behind);
  }
}

command_text curl_text() {
  command_text made{
      .name = "fanout curl",
      .summary = "Take a command line of curl as it is: fanout curl -sSL URL",
      .arguments = {{.names = {"URL..."}, .value = {}, .help = "URL to fetch", .default_value = {}}},
      .groups = {},
      .commands = {},
      .footer =
          "Options have curl's names and meaning. One that is not supported is named, with exit status 2.\n"
          "Exit status: curl's (6 no such host, 7 no connection, 22 with -f a status of 400 or "
          "above, 28 timeout, ...) of the last URL, or of the first that fails with --fail-early; "
          "2 usage, 130 interrupted.\n"
          "\n"
          "Examples:\n"
          "  fanout curl -sSL https://example.org/\n"
          "  fanout curl -O 'https://example.org/page[1-9].html'\n"
          "  fanout curl https://example.org/api --json '{\"a\":1}' -w '%{http_code}\\n'"};
  const auto add = [&made](std::string_view heading, std::string_view names, std::string_view value,
                           std::string_view help) {
    if (names.empty() || help.empty()) return;
    const auto same = [&](const option_group_text& each) { return each.heading == heading; };
    auto group = std::find_if(made.groups.begin(), made.groups.end(), same);
    if (group == made.groups.end()) group = made.groups.insert(group, {std::string(heading), {}});
    option_text option{.names = {}, .value = std::string(value), .help = std::string(help), .default_value = {}};
    for (; !names.empty(); names.remove_prefix(std::min(names.find(','), names.size() - 1) + 1))
      option.names.emplace_back(names.substr(0, names.find(',')));
    group->options.push_back(std::move(option));
  };
  for (const curl_row& row : own_rows) add("URLs and files", row.names, row.value_name, row.help);
  for (const output_option& row : output_option_table())
    if (!is_own(row.names)) add("Output", row.names, row.value_name, row.help);
  for (const bool usual : {false, true})
    for (const fetch::http_option& row : fetch::http_option_table())
      if (row.usual == usual && !row.names.empty() && !is_own(row.names))
        add(usual ? "Accepted without effect" : fetch::heading_of(row.group), row.names, row.value_name, row.help);
  return made;
}

}  // namespace fanout::cli
