// One row for each option of HTTP. To add one is to add its member to the settings and a row here.

#include <fanout/fetch/http_options.hpp>
#include <fanout/http/client.hpp>
#include <fanout/http/client_options.hpp>

#include "fetch/form_fields.hpp"
#include "fetch/option_rows.hpp"

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {
namespace {

using namespace option_rows;

/// One of several versions of HTTP; the last one given counts, as with curl.
template <http::http_versions Which>
constexpr http_option speaks(std::string_view names, std::string_view help) {
  http_option row{option_group::exchange, names, {}, help};
  row.take = [](http_options& into, std::string_view) {
    into.settings.http_versions = static_cast<std::uint8_t>(Which);
  };
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

/// What a client says of one of its options alone, so that the message can name it.
template <auto Member, auto Option>
std::string refused_by_client(const http_options& given) {
  if ((given.settings.*Member).empty()) return {};
  http::client_options alone;
  alone.*Option = given.settings.*Member;
  try {
    const http::client asked(std::move(alone));
    return {};
  } catch (const error& refused) {
    return refused.what();
  }
}

/// It is read in pieces, and again after a redirect.
std::string unusable_body_file(const http_options& given) {
  const std::string& path = given.settings.body_file;
  if (std::string why = unreadable<&settings::body_file>(given); !why.empty()) return why;
  struct stat status{};
  if (path.empty() || stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return {};
  return fmt::format("{} is not a regular file; --data-binary @FILE reads a pipe, and all of it first", path);
}
std::string no_body_file(const http_options& given) {
  return given.upload.empty() ? unusable_body_file(given) : std::string();  // else it is the file of -T
}
std::string no_upload_file(const http_options& given) {
  return given.upload.empty() ? std::string() : unusable_body_file(given);
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
void take_ipv4(http_options& into, std::string_view) {
  into.settings.ip_version = 4;
}
void take_ipv6(http_options& into, std::string_view) {
  into.settings.ip_version = 6;
}
void take_form_field(http_options& into, std::string_view text) {
  into.settings.form.push_back(parse_form_field(std::string(text), false));
}
void take_form_string(http_options& into, std::string_view text) {
  into.settings.form.push_back(parse_form_field(std::string(text), true));
}
void take_upload(http_options& into, std::string_view text) {
  if (text.empty()) throw std::invalid_argument("the value is empty; give a file, or - for standard input");
  into.upload = text == "." ? "-" : text;  // curl's "." is standard input, too
  if (into.upload != "-") into.settings.body_file = into.upload;
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
    data({"-d,--data,--data-ascii",
          "Body to send, as a form; @FILE reads it from a file, or @- from standard input, without its line ends; "
          "several "
          "are joined with &"},
         take_data<data_piece::kind::form>),
    data({"--data-raw", "As -d, but @ has no meaning"}, take_data<data_piece::kind::raw>),
    data({"--data-binary", "As -d, but @FILE is sent as it is"}, take_data<data_piece::kind::binary>),
    data({"--data-urlencode",
          "As -d, but percent-encoded: TEXT, NAME=TEXT, @FILE or NAME@FILE; the name is sent as it is"},
         take_data<data_piece::kind::urlencoded>),
    data({"--json", "Body to send, said to be JSON and not checked; @FILE reads it from a file; several are joined"},
         take_data<data_piece::kind::json>),
    flag<&http_options::data_in_query>(
        request, {"-G,--get", "Send what -d and --data-urlencode give as the end of each URL, with GET"}),
    texts<&http_options::query>(
        request, {"--url-query", "Piece for the end of each URL, encoded as by --data-urlencode; after a + as it is"}),
    http_option{request,
                "-F,--form",
                "FIELD",
                "Field of a form with files: NAME=TEXT, NAME=@FILE, or NAME=<FILE for a text that a file holds; then "
                ";type=TYPE and ;filename=NAME; may be repeated",
                true,
                {},
                take_form_field},
    http_option{request,
                "--form-string",
                "FIELD",
                "As -F, but NAME=TEXT alone, in which nothing has a meaning",
                true,
                {},
                take_form_string},
    http_option{request,
                "-T,--upload-file",
                "FILE",
                "File to PUT, read while it is sent; - is standard input. A URL that ends with / gets the file's name",
                false,
                {},
                take_upload,
                no_upload_file},
    checked(text<&settings::body_file>(request, {"--data-file", "File to send as the body, read while it is sent"}),
            no_body_file),
    text<&http_options::range>(request, {"-r,--range", "Part of each page, such as 0-99, 100- or -100 (the last)"}),
    text<&http_options::condition>(
        request,
        {"-z,--time-cond", "Fetch only what is newer than this date, or than this file; after a - what is older"}),
    flag<&http_options::head>(request, {"-I,--head", "Send HEAD; one URL: print the response's header"}),
    text<&http_options::user>(request,
                              {"-u,--user", "user:password for Basic authentication, for the URL's own host alone"}),
    flag<&http_options::digest>(request, {"--digest", "Send -u by Digest authentication (RFC 7616)"}),
    flag<&http_options::netrc>(request, {"-n,--netrc", "Read users and passwords of hosts from ~/.netrc, or $NETRC"}),
    flag<&http_options::netrc_optional>(request, {"--netrc-optional", "The same, if the file is there"}),
    file<&http_options::netrc_file>(request, {"--netrc-file", "The same from this file"}),
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
    size<&settings::limit_rate>(exchange,
                                {"--limit-rate", "Receive at most so many bytes of each page a second, such as 100K"}),
    count<&settings::retries, 0, 1'000'000>(
        exchange, {"--retry",
                   "Tries after one that failed in a way that may pass: a timeout, a name that cannot be looked "
                   "up, 408, 429, 500, 502, 503, 504 (default 0)"}),
    duration<&settings::retry_delay_ms>(
        exchange,
        {"--retry-delay", "Time before each (default 1 s, then twice as long each time; Retry-After counts)"}),
    duration<&settings::retry_max_time_ms>(exchange, {"--retry-max-time", "Time after which none is begun"}),
    flag<&settings::retry_all_errors>(exchange, {"--retry-all-errors", "Try again whatever the failure is"}),
    flag<&settings::retry_refused>(exchange, {"--retry-connrefused", "Try again when a connection is refused, too"}),
    checked(texts<&settings::resolve>(
                exchange, {"--resolve",
                           "HOST:PORT:ADDRESS[,ADDRESS]: connect there instead of looking the host up; * is any host; "
                           "may be repeated"}),
            refused_by_client<&settings::resolve, &http::client_options::resolve>),
    checked(texts<&settings::connect_to>(
                exchange,
                {"--connect-to",
                 "HOST1:PORT1:HOST2:PORT2: connect to the second instead of the first; an empty part is any, or the "
                 "same; not through a proxy; may be repeated"}),
            refused_by_client<&settings::connect_to, &http::client_options::connect_to>),
    checked(
        text<&settings::unix_socket>(exchange, {"--unix-socket", "Connect to this socket, whatever the URL's host is"}),
        refused_by_client<&settings::unix_socket, &http::client_options::unix_socket>),
    checked(text<&settings::interface>(exchange,
                                       {"--interface", "Network device, or address of this machine, to connect from"}),
            refused_by_client<&settings::interface, &http::client_options::interface>),
    taking(flag<&settings::ip_version>(exchange, {"-4,--ipv4", "Connect to IPv4 addresses only"}), take_ipv4),
    http_option{exchange, "-6,--ipv6", "", "Connect to IPv6 addresses only", false, "--ipv4", take_ipv6},
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

    flag<&http_options::passthrough, false>(
        output, {"--no-passthrough", "Leave out of the records what else the objects of a list have"}),
    usual("--passthrough", "Put what else the objects of a list have into their records"),

    usual("-L,--location", "Follow redirects"),
    usual("-S,--show-error", "Say what went wrong"),
    usual("-N,--no-buffer", "Write to whoever reads along as it comes"),
    usual("-g,--globoff", "Take brackets and braces in URLs as they are"),
    usual("-Z,--parallel", "Fetch several URLs at once"),
    usual("--parallel-immediate", "Open new connections rather than wait for others"),
    usual("--tcp-nodelay", "Send small pieces at once"),
    usual("--basic", "Send -u by Basic authentication"),
    usual("--tlsv1.2", "Accept TLS 1.2 and later only"),
    usual("--ssl-reqd", "Use TLS where the URL says so"),
    usual("--no-progress-meter", "Show no progress of a single page"),
    usual("--no-keepalive", "Send no TCP keep-alive probes"),
    usual("--tr-encoding", "Undo the transfer coding"),

    derived<&settings::body_path>(),
    derived<&settings::held_body_bytes>(),
    derived<&settings::authorization>(),
    derived<&settings::http_versions>(),
    derived<&settings::form>(),
    derived<&settings::digest>(),
    derived<&settings::drop_failed_bodies>(),
    derived<&settings::keep_trace>(),
    derived<&settings::keep_heads>(),
    derived<&settings::netrc>(),
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
