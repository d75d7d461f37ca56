// One row for each option of HTTP. To add one is to add its member to the settings and a row here.

#include <fanout/fetch/http_options.hpp>
#include <fanout/fetch/units.hpp>
#include <fanout/http/client_options.hpp>
#include <fanout/process/codec.hpp>

#include <cereal/types/vector.hpp>
#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace fanout::fetch {
namespace {

// Members, of the settings or of the options themselves ---------------------------------------------------------------

template <auto Member>
inline constexpr bool of_settings = std::is_invocable_v<decltype(Member), settings&>;

template <auto Member>
auto& member_of(http_options& all) {
  if constexpr (of_settings<Member>)
    return all.settings.*Member;
  else
    return all.*Member;
}
template <auto Member>
const auto& member_of(const http_options& all) {
  if constexpr (of_settings<Member>)
    return all.settings.*Member;
  else
    return all.*Member;
}

/// The row with the encoding of its member, if that is one of the settings.
template <auto Member>
constexpr http_option travelling(http_option row) {
  if constexpr (of_settings<Member>) {
    row.save = [](const settings& from, std::string& bytes) {
      fanout::detail::wire_output archive(bytes);
      archive(from.*Member);
    };
    row.load = [](settings& into, std::string_view bytes) {
      fanout::detail::wire_input archive(bytes);
      archive(into.*Member);
      return bytes.size() - archive.left();
    };
  }
  return row;
}

// Kinds of options ----------------------------------------------------------------------------------------------------

struct words {
  std::string_view names;
  std::string_view help;
  std::string_view excludes = {};
};

/// Sets a truth value.
template <auto Member, bool Value = true>
constexpr http_option flag(option_group group, words with) {
  http_option row{group, with.names, {}, with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view) { member_of<Member>(into) = Value; };
  return travelling<Member>(row);
}

template <auto Member>
constexpr http_option any_text(option_group group, words with) {
  http_option row{group, with.names, "TEXT", with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view text) { member_of<Member>(into) = text; };
  return travelling<Member>(row);
}

/// A text that says something: an empty one is a variable of a script that was not set.
template <auto Member>
constexpr http_option text(option_group group, words with) {
  http_option row = any_text<Member>(group, with);
  row.take = [](http_options& into, std::string_view given) {
    if (given.empty()) throw std::invalid_argument("the value is empty; leave the option out, or give one");
    member_of<Member>(into) = given;
  };
  return row;
}

template <auto Member>
constexpr http_option texts(option_group group, words with) {
  http_option row{group, with.names, "TEXT", with.help, true, with.excludes};
  row.take = [](http_options& into, std::string_view text) { member_of<Member>(into).emplace_back(text); };
  return travelling<Member>(row);
}

template <auto Member>
std::string unreadable(const http_options& given) {
  const std::string& path = member_of<Member>(given);
  if (path.empty() || access(path.c_str(), R_OK) == 0) return {};
  return fmt::format("cannot read {}: {}", path, std::strerror(errno));
}

/// A text that names a file, which is there.
template <auto Member>
constexpr http_option file(option_group group, words with) {
  http_option row = text<Member>(group, with);
  row.refused = &unreadable<Member>;
  return row;
}

template <auto Member>
constexpr http_option duration(option_group group, words with) {
  http_option row{group, with.names, "DURATION", with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view text) { member_of<Member>(into) = parse_duration(text).count(); };
  return travelling<Member>(row);
}

template <auto Member>
constexpr http_option size(option_group group, words with) {
  http_option row{group, with.names, "SIZE", with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view text) { member_of<Member>(into) = parse_size(text); };
  return travelling<Member>(row);
}

template <auto Member, std::uint64_t Least, std::uint64_t Most>
constexpr http_option count(option_group group, words with) {
  http_option row{group, with.names, "N", with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view text) {
    member_of<Member>(into) =
        static_cast<std::remove_reference_t<decltype(member_of<Member>(into))>>(parse_count(text, Least, Most));
  };
  return travelling<Member>(row);
}

/// What is so anyway: people have typed it for years.
constexpr http_option usual(std::string_view names, std::string_view help) {
  http_option row{option_group::exchange, names, {}, help};
  row.take = [](http_options&, std::string_view) {};
  row.usual = true;
  return row;
}

/// One of several versions of HTTP; the last one given counts, as with curl.
template <http::http_versions Which>
constexpr http_option speaks(std::string_view names, std::string_view help) {
  http_option row{option_group::exchange, names, {}, help};
  row.take = [](http_options& into, std::string_view) {
    into.settings.http_versions = static_cast<std::uint8_t>(Which);
  };
  return row;
}

/// A setting that follows from others: it only travels.
template <auto Member>
constexpr http_option derived() {
  return travelling<Member>({});
}

constexpr http_option checked(http_option row, std::string (*refused)(const http_options&)) {
  row.refused = refused;
  return row;
}
constexpr http_option taking(http_option row, void (*take)(http_options&, std::string_view)) {
  row.take = take;
  return row;
}

// What some of them check ---------------------------------------------------------------------------------------------

std::string no_timeout(const http_options& given) {
  return given.settings.timeout_ms == 0 ? "0 leaves no time for a fetch; give at least 1ms" : "";
}
std::string no_connect_timeout(const http_options& given) {
  return given.settings.connect_timeout_ms == 0 ? "0 leaves no time for a connection; give at least 1ms" : "";
}
std::string no_idle_timeout(const http_options& given) {
  return given.settings.idle_timeout_ms == 0 ? "0 leaves no time between two bytes; give at least 1ms" : "";
}

/// It is read in pieces, and again after a redirect.
std::string no_body_file(const http_options& given) {
  const std::string& path = given.settings.body_file;
  if (std::string why = unreadable<&settings::body_file>(given); !why.empty()) return why;
  struct stat status{};
  if (path.empty() || stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return {};
  return fmt::format("{} is not a regular file; --data-binary @FILE reads a pipe, and all of it first", path);
}

std::string key_without_certificate(const http_options& given) {
  if (!given.settings.key_file.empty() && given.settings.certificate_file.empty())
    return "there is no certificate it is the key of; give --cert FILE, too";
  return unreadable<&settings::key_file>(given);
}

void take_proxy(http_options& into, std::string_view text) {
  into.settings.proxy = text;
  into.settings.proxy_from_environment = false;
}
/// An offset of the user's own could join what does not belong together.
void take_continue_at(http_options& into, std::string_view text) {
  if (text != "-")
    throw std::invalid_argument(fmt::format(
        "'{}' is not supported; use '-', which goes on where FILE.part ends and checks that it fits", text));
  into.settings.continue_parts = true;
}
void take_no_redirects(http_options& into, std::string_view) {
  into.settings.max_redirects = 0;
}

// The table -----------------------------------------------------------------------------------------------------------

using enum option_group;

constexpr std::array table{
    text<&http_options::method>(request, {"-X,--request", "Method (default GET, with a body POST)"}),
    texts<&http_options::headers>(
        request, {"-H,--header",
                  "Header to send, 'Name: value'; 'Name;' for one without a value; 'Name:' to leave out one that is "
                  "sent otherwise; may be repeated"}),
    texts<&http_options::data>(
        request, {"-d,--data",
                  "Body to send, as a form; @FILE reads it from a file, or @- from standard input, without its line "
                  "ends; several are joined with &"}),
    texts<&http_options::data_raw>(request, {"--data-raw", "As -d, but @ has no meaning"}),
    texts<&http_options::data_binary>(request, {"--data-binary", "As -d, but @FILE is sent as it is"}),
    texts<&http_options::json>(
        request,
        {"--json", "Body to send, said to be JSON and not checked; @FILE reads it from a file; several are joined"}),
    checked(text<&settings::body_file>(request, {"--data-file", "File to send as the body, read while it is sent"}),
            no_body_file),
    flag<&http_options::head>(request, {"-I,--head", "Send HEAD; one URL: print the response's header"}),
    text<&http_options::user>(request,
                              {"-u,--user", "user:password for Basic authentication, for the URL's own host alone"}),
    text<&http_options::bearer>(request, {"--oauth2-bearer", "Bearer token, for the URL's own host alone"}),
    text<&http_options::user_agent>(request, {"-A,--user-agent", "User-Agent to send"}),
    text<&http_options::referer>(request, {"-e,--referer", "Referer to send"}),
    texts<&http_options::cookies>(
        request, {"-b,--cookie",
                  "Cookies to send: 'name=value; ...', or a file of them in the Netscape format, to which those that "
                  "servers set are added in memory ('' for an empty one); may be repeated"}),
    text<&http_options::cookie_jar>(
        request, {"-c,--cookie-jar",
                  "Keep the cookies that servers set, and write them to this file in the end; - for standard output"}),

    checked(duration<&settings::timeout_ms>(exchange,
                                            {"-m,--timeout,--max-time", "Limit for each URL, redirects included"}),
            no_timeout),
    checked(duration<&settings::connect_timeout_ms>(
                exchange, {"--connect-timeout", "Limit for look-up, connection and TLS handshake"}),
            no_connect_timeout),
    checked(
        duration<&settings::idle_timeout_ms>(exchange, {"--idle-timeout", "Limit for the time in which no byte moves"}),
        no_idle_timeout),
    count<&settings::max_redirects, 0, 1000>(exchange,
                                             {"--max-redirects,--max-redirs", "Redirects to follow; 0 for none"}),
    http_option{exchange, "--no-redirects", "", "Follow none: a redirect is the response", false, "--max-redirects",
                take_no_redirects},
    flag<&settings::decode_content, false>(exchange, {"--raw", "Ask for no compression, and decode nothing"}),
    http_option{exchange, "--compressed", "", "Ask for compression and undo it, which is the default", false, "--raw",
                [](http_options&, std::string_view) {}},
    size<&settings::max_body_bytes>(exchange, {"--max-bytes,--max-filesize", "Largest body accepted, such as 10MiB"}),
    size<&settings::max_header_bytes>(exchange,
                                      {"--max-header-bytes", "Largest response header accepted, such as 1MiB"}),
    count<&settings::max_header_count, 1, UINT64_MAX>(
        exchange, {"--max-header-count", "Most fields of a response header accepted"}),
    count<&settings::max_decoding_ratio, 0, UINT32_MAX>(
        exchange, {"--max-decoding-ratio",
                   "Most decoded bytes accepted for each coded one, once more than 64 MiB are decoded; 0 for any"}),
    flag<&settings::public_only>(
        exchange,
        {"--public-only", "Refuse addresses that are not public (loopback, private, link-local), on every hop"}),
    texts<&settings::resolve>(
        exchange, {"--resolve",
                   "HOST:PORT:ADDRESS[,ADDRESS]: connect there instead of looking the host up; * is any host; may be "
                   "repeated"}),
    taking(any_text<&settings::proxy>(
               exchange,
               {"-x,--proxy",
                "[SCHEME://][user:password@]HOST[:PORT], by http, https, socks5 or socks5h; '' for none; without it, "
                "http_proxy, https_proxy, all_proxy and no_proxy of the environment are read as curl reads them"}),
           take_proxy),
    any_text<&settings::no_proxy>(
        exchange, {"--noproxy",
                   "Hosts reached without a proxy: names with their subdomains, addresses, blocks such as 10.0.0.0/8, "
                   "separated by commas; * is all; instead of no_proxy in the environment"}),
    speaks<http::http_versions::http_1_1>("--http1.1", "Speak HTTP/1.1 alone, which is the default"),
    speaks<http::http_versions::http_2>(
        "--http2", "Speak HTTP/2 over TLS where the server does: many requests at a time on one connection"),
    speaks<http::http_versions::http_2_prior_knowledge>("--http2-prior-knowledge",
                                                        "Speak HTTP/2 alone, and without asking, also without TLS"),
    flag<&settings::least_tls_1_3>(exchange, {"--tlsv1.3", "Accept TLS 1.3 and later only; otherwise 1.2, too"}),
    flag<&settings::verify_tls, false>(exchange, {"-k,--insecure", "Accept any TLS certificate of a server"}),
    file<&settings::ca_file>(exchange, {"--cacert", "PEM file of the issuers to trust, instead of the system's"}),
    file<&settings::certificate_file>(
        exchange,
        {"-E,--cert", "PEM file of the client certificate, for servers that ask for one; a proxy never gets it"}),
    checked(text<&settings::key_file>(exchange, {"--key", "PEM file of its key, if that is not in the same file"}),
            key_without_certificate),
    flag<&settings::verify_proxy_tls, false>(exchange,
                                             {"--proxy-insecure", "Accept any TLS certificate of an https proxy"}),
    file<&settings::proxy_ca_file>(
        exchange, {"--proxy-cacert", "PEM file of the issuers to trust for an https proxy, instead of the system's"}),

    flag<&settings::keep_headers>(output, {"--with-headers", "Put the response's headers into the record"}),
    flag<&settings::keep_body>(output, {"--with-bodies", "Put the body into the record, as text or base64"}),
    flag<&settings::keep_timings>(output,
                                  {"--timings", "Put what each phase took, and bytes on the wire, into the record"}),
    flag<&settings::skip_existing>(
        output, {"--skip-existing", "Fetch no body whose file is there already; with -o FILE or -o DIR/"}),
    flag<&settings::overwrite_bodies>(output,
                                      {"--overwrite", "Replace files of -o DIR/ that are there", "--skip-existing"}),
    flag<&settings::continue_parts>(
        output,
        {"--continue",
         "With -o FILE: go on where FILE.part ends, by what FILE.part.json says of it; anew if the page has changed"}),
    http_option{output,
                "-C,--continue-at",
                "-",
                "The same, as curl calls it; other offsets than - are not taken",
                false,
                {},
                take_continue_at},

    usual("-L,--location", "Follow redirects"),
    usual("-S,--show-error", "Say what went wrong"),
    usual("-N,--no-buffer", "Write to whoever reads along as it comes"),
    usual("-g,--globoff", "Take brackets and braces in URLs as they are"),

    derived<&settings::body_path>(),
    derived<&settings::held_body_bytes>(),
    derived<&settings::authorization>(),
    derived<&settings::http_versions>(),
    derived<&settings::use_cookies>(),
    derived<&settings::cookie_file>(),
    derived<&settings::proxy_from_environment>(),
    derived<&settings::without_headers>(),
};

// Every member of the settings travels -------------------------------------------------------------------------------

struct anything {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor): it stands for whatever a member takes
};
template <class... Members>
consteval std::size_t member_count() {
  if constexpr (requires { settings{Members{}..., anything{}}; })
    return member_count<Members..., anything>();
  else
    return sizeof...(Members);
}
static_assert(std::count_if(table.begin(), table.end(), [](const http_option& row) { return row.save != nullptr; }) ==
                  member_count<>(),
              "each member of the settings has one row, by which it travels");

}  // namespace

std::span<const http_option> http_option_table() {
  return table;
}

std::string encoded(const settings& all) {
  std::string bytes;
  for (const http_option& row : table)
    if (row.save) row.save(all, bytes);
  return bytes;
}

settings decoded(std::string_view bytes) {
  settings all;
  for (const http_option& row : table)
    if (row.load) bytes.remove_prefix(row.load(all, bytes));
  if (!bytes.empty()) throw error(failure_kind::protocol, "settings from another process have bytes left over");
  return all;
}

}  // namespace fanout::fetch
