#pragma once

#include <fanout/fetch/data_piece.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/retry_policy.hpp>
#include <fanout/fetch/schedule_rules.hpp>
#include <fanout/fetch/settings.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// What a user may say about the requests of a fetch and their exchanges, with curl's names and habits.
namespace fanout::fetch {

/// As given, before anything is made of it. Texts are those of the command line: `fanout fetch --help` explains them.
struct http_options {
  http_options() { settings.proxy_from_environment = true; }

  fetch::settings settings;  ///< what an option sets by itself; `settings_of` adds the rest

  std::string method;
  std::vector<std::string> headers;           ///< 'Name: value', 'Name;' for one without a value, 'Name:' for none
  bool head = false;                          ///< HEAD, or another method whose bodies nobody wants
  std::vector<data_piece> data;               ///< in the order given
  bool data_in_query = false;                 ///< `-G`: they go to the end of each URL
  std::vector<std::string> query;             ///< pieces for the end of each URL: "name=text", encoded, or "+text"
  std::string upload;                         ///< file to PUT; "-" for standard input
  std::string range;                          ///< "0-99", as the Range header has it
  std::string condition;                      ///< a date or a file, after a - what is older than that
  bool netrc = false;                         ///< who asks is read from ~/.netrc, if it is there
  bool netrc_optional = false;                ///< the same; `netrc_file` need not be there
  std::string netrc_file;                     ///< the same from this file
  bool passthrough = true;                    ///< what else an object of a list has comes back in its record
  std::string user;                           ///< "user:password"
  bool digest = false;                        ///< `user` is for Digest authentication
  bool any_auth = false;                      ///< for the one that a server asks for: Digest, or else Basic
  std::optional<std::uint64_t> speed_limit;   ///< bytes per second
  std::optional<std::int64_t> speed_time_ms;  ///< that a transfer may be slower
  std::string bearer;                         ///< the token
  std::string user_agent;
  std::string referer;
  std::vector<std::string> cookies;  ///< 'name=value; ...', or a file
  std::string cookie_jar;            ///< the file cookies are saved in; "-" for standard output
};

/// \name The table of options
/// One row for each option: its names, what it takes, what it sets, and how that travels to worker processes. The
/// command line, the encoding of settings and what is checked before the first request are made from it.
/// @{

/// What an option is about, in the order in which `--help` explains them.
enum class option_group { request, authentication, response, output, limits, connections, proxy, tls };

/// "Authentication and cookies"
std::string_view heading_of(option_group group);

struct http_option {
  option_group group = option_group::request;
  std::string_view
      names;  ///< "-k,--insecure", the long one it is called by before others; empty: no option sets it directly
  std::string_view value_name;  ///< "DURATION"; empty: it takes no value
  std::string_view help;
  bool repeated = false;           ///< given several times, all count
  std::string_view excludes = {};  ///< the name of an option that contradicts it

  /// Reads a value; of an option without one, the empty text. Throws `std::invalid_argument` that quotes the text and
  /// says what is accepted.
  void (*take)(http_options& into, std::string_view text) = nullptr;
  /// What is wrong with what was given, once all options are known; empty: nothing. Null: nothing can be.
  std::string (*refused)(const http_options& given) = nullptr;

  /// To worker processes and back; null where each request carries it, or another row does.
  void (*save)(const fetch::settings& from, std::string& bytes) = nullptr;
  std::size_t (*load)(fetch::settings& into, std::string_view bytes) = nullptr;  ///< returns how many bytes it read

  bool usual = false;  ///< it says what is so anyway: accepted, and not explained
  /// Of an option without a value: what --no-NAME of curl does. Null: there is no such option.
  void (*undo)(http_options& into) = nullptr;

  /// The one it is called by in messages.
  std::string_view long_name() const {
    const auto begin = names.find("--");
    return begin == names.npos ? std::string_view() : names.substr(begin, names.find(',', begin) - begin);
  }
};

/// In the order in which they are explained.
std::span<const http_option> http_option_table();

/// @}

/// What all requests of a fetch have in common.
struct common_request {
  std::string method;                ///< empty: GET, or POST with a body
  header_list headers;               ///< in the order given
  std::vector<std::string> without;  ///< headers that are not sent
  std::string body;                  ///< `-d` or `--json`, the pieces joined
  std::string query;                 ///< for the end of each URL
  std::string upload_name;           ///< for the end of each URL whose path ends with a slash
  std::string content_type;          ///< of that body, where no header says another
};

/// Reads the files that options name. Throws `std::invalid_argument` that names the option, the value, and what is
/// accepted.
common_request request_of(const http_options& given);

/// Whether `request_of` reads a body from standard input (`@-`).
bool reads_standard_input(const http_options& given);

/// The settings of all exchanges. `common` is what `request_of` made of the same options. Files are looked at, and
/// what only the client can judge is checked. Throws `std::invalid_argument` that names the option, the value, and what
/// is accepted.
settings settings_of(const http_options& given, const common_request& common);

/// \name What the schedule of a list takes from these options
/// @{
/// robots.txt is heeded, for the name that the User-Agent begins with (letters, `_` and `-`), or `fanout`.
void heed_robots(const common_request& common, schedule_rules& rules);
/// Retries of a list (`retry_policy.hpp`): `budget` is how many of them each request earns for the job, and half of
/// what it earns for its host.
retry_rules retry_rules_of(const settings& how, double budget);
/// @}

}  // namespace fanout::fetch
