// One row for each option of HTTP. To add one is to add its member to the settings and a row here.

#include <fanout/fetch/http_options.hpp>
#include <fanout/http/client.hpp>
#include <fanout/http/client_options.hpp>

#include "fetch/exchange/opt_out.hpp"
#include "fetch/options/form_fields.hpp"
#include "fetch/options/option_rows.hpp"

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
  http_option row{option_group::request, names, {}, help};
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
/// As curl: an empty one sends none.
void take_user_agent(http_options& into, std::string_view text) {
  std::erase(into.headers, "User-Agent:");
  if (text.empty()) into.headers.emplace_back("User-Agent:");
  into.user_agent = text;
}
void take_opt_outs(http_options& into, std::string_view text) {
  for (std::string& each : opt_out_words(text)) into.settings.opt_outs.push_back(std::move(each));
}
/// As curl: ";auto" at the end.
void take_referer(http_options& into, std::string_view text) {
  constexpr std::string_view automatic = ";auto";
  into.settings.redirect_referer = text.ends_with(automatic);
  if (into.settings.redirect_referer) text.remove_suffix(automatic.size());
  into.referer = text;
}
/// As curl: "=https" sets, "+https" adds and "-http" takes away; what is not http has no meaning here.
std::uint8_t protocols_of(std::string_view text) {
  std::uint8_t made = settings::both_protocols;
  for (; !text.empty(); text.remove_prefix(std::min(text.find(','), text.size() - 1) + 1)) {
    std::string_view each = text.substr(0, text.find(','));
    const std::size_t marks = std::min(each.find_first_not_of("+-="), each.size());
    const char mark = marks == 0 ? '+' : each[marks - 1];
    each.remove_prefix(marks);
    const std::uint8_t which = each == "all"     ? settings::both_protocols
                               : each == "http"  ? settings::http_protocol
                               : each == "https" ? settings::https_protocol
                                                 : 0;
    if (mark == '=')
      made = which;
    else if (mark == '-')
      made = static_cast<std::uint8_t>(made & ~which);
    else
      made = static_cast<std::uint8_t>(made | which);
  }
  return made;
}
void take_protocols(http_options& into, std::string_view text) {
  into.settings.protocols = protocols_of(text);
}
void take_redirect_protocols(http_options& into, std::string_view text) {
  into.settings.redirect_protocols = protocols_of(text);
}
void take_default_scheme(http_options& into, std::string_view text) {
  if (text != "http" && text != "https")
    throw std::invalid_argument(fmt::format("'{}' is not supported; use http or https", text));
  into.settings.default_scheme = text;
}
template <bool InHex>
void take_trace(http_options& into, std::string_view text) {
  if (text.empty()) throw std::invalid_argument("the value is empty; leave the option out, or give a file");
  into.settings.trace_file = text;
  into.settings.trace_in_hex = InHex;
}
void take_no_redirects(http_options& into, std::string_view) {
  into.settings.max_redirects = 0;
}

// The table -----------------------------------------------------------------------------------------------------------

using enum option_group;

constexpr std::array table{
    text<&http_options::method>(request,
                                {"-X,--request", "METHOD", "HTTP method (default: GET, or POST when there is a body)"}),
    texts<&http_options::headers>(
        request, {"-H,--header", "HEADER",
                  "Send this header, 'Name: value'. 'Name;' sends it without a value; 'Name:' removes a header that "
                  "fanout sends by default; '@FILE' reads a file of headers. May be repeated"}),
    data({"-d,--data,--data-ascii", "TEXT",
          "Send this as the body, as a form. @FILE reads a file and @- reads standard input, both without line ends. "
          "May be repeated: the texts are joined with &"},
         take_data<data_piece::kind::form>),
    data({"--data-raw", "TEXT", "As -d, but @ has no special meaning"}, take_data<data_piece::kind::raw>),
    data({"--data-binary", "TEXT", "As -d, but @FILE is sent unchanged"}, take_data<data_piece::kind::binary>),
    data({"--data-urlencode", "TEXT",
          "As -d, but percent-encoded: TEXT, NAME=TEXT, @FILE or NAME@FILE; NAME is sent unchanged"},
         take_data<data_piece::kind::urlencoded>),
    data({"--json", "TEXT",
          "Send this as JSON (not validated). @FILE reads a file. May be repeated: the texts are joined"},
         take_data<data_piece::kind::json>),
    flag<&http_options::data_in_query>(
        request, {"-G,--get", "", "Send what -d and --data-urlencode give as the query of each URL, with GET"}),
    texts<&http_options::query>(
        request, {"--url-query", "TEXT",
                  "Add this to the query of each URL, encoded as --data-urlencode does; unchanged after a +. May be "
                  "repeated"}),
    http_option{request,
                "-F,--form",
                "FIELD",
                "Send a form with files: NAME=TEXT, NAME=@FILE (a file), or NAME=<FILE (the text in a file). "
                ";type=TYPE and ;filename=NAME may follow. May be repeated",
                true,
                {},
                take_form_field},
    http_option{request,
                "--form-string",
                "FIELD",
                "As -F, but only NAME=TEXT: @, < and ; have no special meaning. May be repeated",
                true,
                {},
                take_form_string},
    http_option{
        request,
        "-T,--upload-file",
        "FILE",
        "Upload this file with PUT; - is standard input. If the URL ends with /, the file's name is added to it",
        false,
        {},
        take_upload,
        no_upload_file},
    checked(text<&settings::body_file>(request,
                                       {"--data-file", "FILE", "Send this file as the body, read while it is sent"}),
            no_body_file),
    text<&http_options::range>(request,
                               {"-r,--range", "RANGE", "Request only these bytes: 0-99, 100- or -100 (the last 100)"}),
    text<&http_options::condition>(
        request, {"-z,--time-cond", "TIME",
                  "Fetch only what is newer than this date, or than this file; -TIME: only what is older"}),
    flag<&http_options::head>(request, {"-I,--head", "", "Send HEAD. With one URL, print the response's header"}),
    taking(any_text<&http_options::user_agent>(request,
                                               {"-A,--user-agent", "TEXT", "Send this User-Agent; '' sends none"}),
           take_user_agent),
    taking(any_text<&http_options::referer>(
               request, {"-e,--referer", "URL",
                         "Send this Referer. After URL;auto or ;auto, a request that follows a redirect names the page "
                         "that redirected"}),
           take_referer),
    speaks<http::http_versions::http_1_1>("--http1.1", "Use HTTP/1.1 only"),
    speaks<http::http_versions::http_2>("--http2",
                                        "Use HTTP/2 over TLS if the server supports it, many requests at a time on one "
                                        "connection, which is the default"),
    speaks<http::http_versions::http_2_prior_knowledge>("--http2-prior-knowledge",
                                                        "Use HTTP/2 without negotiation, also without TLS"),

    text<&http_options::user>(authentication,
                              {"-u,--user", "USER:PASSWORD", "Use Basic authentication, with the URL's own host only"}),
    flag<&http_options::digest>(authentication, {"--digest", "", "Use Digest authentication (RFC 7616) for -u"}),
    flag<&http_options::any_auth>(
        authentication,
        {"--anyauth", "", "Send -u only after a server has asked for it, by Digest or else Basic authentication"}),
    flag<&http_options::netrc>(
        authentication, {"-n,--netrc", "", "Read user names and passwords from ~/.netrc or $NETRC, if it is there"}),
    flag<&http_options::netrc_optional>(authentication,
                                        {"--netrc-optional", "", "The same; with --netrc-file, FILE need not exist"}),
    // Not `file`: what reads it knows whether it need not be there.
    text<&http_options::netrc_file>(authentication, {"--netrc-file", "FILE", "As -n, but read this file"}),
    text<&http_options::bearer>(authentication,
                                {"--oauth2-bearer", "TOKEN", "Send this bearer token, to the URL's own host only"}),
    texts<&http_options::cookies>(
        authentication, {"-b,--cookie", "COOKIES",
                         "Send these cookies: 'name=value; ...', or a file in the Netscape format. With a file ('' for "
                         "none), cookies that servers set are kept in memory and sent too. May be repeated"}),
    text<&http_options::cookie_jar>(
        authentication,
        {"-c,--cookie-jar", "FILE",
         "Keep cookies that servers set, and write them to this file at the end; - is standard output"}),

    count<&settings::max_redirects, 0, 1000>(
        response, {"--max-redirects,--max-redirs", "N", "Follow at most this many redirects; 0: none (default: 10)"}),
    http_option{response, "--no-redirects", "", "Follow no redirects: return the redirect itself", false,
                "--max-redirects", take_no_redirects},
    flag<&settings::keep_post_301>(
        response, {"--post301", "", "Send a POST that is redirected by 301 as a POST again, with its body"}),
    flag<&settings::keep_post_302>(response, {"--post302", "", "The same for 302"}),
    flag<&settings::keep_post_303>(response, {"--post303", "", "The same for 303"}),
    flag<&settings::trust_redirects>(response, {"--location-trusted", "",
                                                "Send -u, and headers with credentials, also to other hosts that "
                                                "redirects lead to. A server can collect them"}),
    taken<&settings::redirect_protocols>(
        response,
        {"--proto-redir", "PROTOCOLS",
         "Follow redirects only to URLs of these protocols, written as for --proto; others are errors"},
        take_redirect_protocols),
    flag<&settings::decode_content, false>(response, {"--raw", "", "Do not request compression, and decode nothing"}),
    http_option{response, "--compressed", "", "Request compression and decode it, which is the default", false, "--raw",
                [](http_options&, std::string_view) {}},
    size<&settings::max_body_bytes>(
        response, {"--max-bytes,--max-filesize", "SIZE", "Refuse larger bodies, such as 10MiB (default: 1GiB)"}),
    size<&settings::max_header_bytes>(
        response, {"--max-header-bytes", "SIZE", "Refuse larger response headers (default: 256KiB)"}),
    count<&settings::max_header_count, 1, UINT64_MAX>(
        response, {"--max-header-count", "N", "Refuse response headers with more fields (default: 1024)"}),
    count<&settings::max_decoding_ratio, 0, UINT32_MAX>(
        response, {"--max-decoding-ratio", "N",
                   "Refuse bodies that decompress to more than N times their size, once 64 MiB are decoded; 0: no "
                   "limit (default: 256)"}),

    flag<&settings::digest_bodies>(output, {"--sha256", "", "Include the body's SHA-256 in the record"}),
    flag<&settings::verify_digests>(
        output, {"--verify", "",
                 "Compare each body with its SHA-256 in the list (member or column sha256); one that differs is an "
                 "error, and no file"}),
    taking(
        texts<&settings::opt_outs>(
            response, {"--heed-x-robots-tag", "RULES",
                       "Treat a response as an error, without its body, if its X-Robots-Tag says one of these rules: "
                       "noai,noimageai"}),
        take_opt_outs),

    flag<&settings::keep_headers>(output, {"--with-headers", "", "Include the response's headers in the record"}),
    flag<&settings::keep_body>(output, {"--with-bodies", "", "Include the body in the record, as text or base64"}),
    flag<&settings::keep_timings>(
        output,
        {"--timings", "", "Include the duration of each phase, and the bytes sent and received, in the record"}),
    flag<&http_options::passthrough, false>(
        output, {"--no-passthrough", "", "Do not copy unknown members of a list's objects into their records"}),
    flag<&settings::remote_time>(
        output, {"-R,--remote-time", "", "Give files of bodies the time that the server says in Last-Modified"}),
    http_option{output,
                "--trace-ascii",
                "FILE",
                "Write all that is sent and received to this file, bodies included; - is standard output, % standard "
                "error",
                false,
                {},
                take_trace<false>},
    http_option{output, "--trace", "FILE", "The same, in hexadecimal too", false, {}, take_trace<true>},
    flag<&settings::time_trace>(
        output, {"--trace-time", "", "Begin each line of -v, and each message of --trace, with the time of day"}),
    flag<&settings::skip_existing>(
        output, {"--skip-existing", "", "Do not fetch bodies whose file exists; with -o FILE or -o DIR/"}),
    flag<&settings::overwrite_bodies>(output,
                                      {"--overwrite", "", "Replace existing files of -o DIR/", "--skip-existing"}),
    flag<&settings::continue_parts>(
        output, {"--continue", "",
                 "With -o FILE: continue where FILE.part ends, checked against FILE.part.json; start again if the page "
                 "has changed"}),
    http_option{output,
                "-C,--continue-at",
                "-",
                "As --continue, by curl's name; only - is supported",
                false,
                {},
                take_continue_at},

    checked(
        duration<&settings::timeout_ms>(limits, {"-m,--timeout,--max-time", "DURATION",
                                                 "Stop each URL after this long, including redirects (default: 300s)"}),
        no_timeout),
    checked(duration<&settings::connect_timeout_ms>(
                limits, {"--connect-timeout", "DURATION",
                         "Fail if name lookup, connection and TLS handshake take longer (default: 30s)"}),
            no_connect_timeout),
    checked(duration<&settings::idle_timeout_ms>(
                limits, {"--idle-timeout", "DURATION", "Fail after this long without data (default: 60s)"}),
            no_idle_timeout),
    http_option{limits,
                "-Y,--speed-limit",
                "SIZE",
                "Fail if a transfer is slower than this many bytes a second for the time that -y gives; 0: no limit "
                "(default: 50 in 60s, or 1 with -y)",
                false,
                {},
                [](http_options& into, std::string_view text) { into.speed_limit = parse_size(text); }},
    http_option{limits,
                "-y,--speed-time",
                "DURATION",
                "How long a transfer may be slower than that (default: 30s with -Y)",
                false,
                {},
                [](http_options& into, std::string_view text) { into.speed_time_ms = parse_duration(text).count(); }},
    size<&settings::limit_rate>(
        limits, {"--limit-rate", "SIZE", "Receive each page at no more than this many bytes a second, such as 100K"}),
    count<&settings::retries, 0, 1'000'000>(
        limits, {"--retry", "N",
                 "Retry N times after a failure that may be temporary: a timeout, a failed name lookup, or status 408, "
                 "429, 500, 502, 503 or 504 (default: 0)"}),
    duration<&settings::retry_delay_ms>(
        limits, {"--retry-delay", "DURATION",
                 "Wait this long before each retry (default: 1s, doubled each time; Retry-After is respected)"}),
    duration<&settings::retry_max_time_ms>(
        limits, {"--retry-max-time", "DURATION", "Start no retry after this long (default: no limit)"}),
    flag<&settings::retry_all_errors>(limits, {"--retry-all-errors", "", "Retry after any failure"}),
    flag<&settings::retry_refused>(limits, {"--retry-connrefused", "", "Retry after a refused connection, too"}),

    taken<&settings::protocols>(
        connections,
        {"--proto", "PROTOCOLS", "Fetch only URLs of these protocols: =https, -http, =http,https. Others are errors"},
        take_protocols),
    taken<&settings::default_scheme>(
        connections, {"--proto-default", "PROTOCOL", "Scheme of URLs that have none: http or https (default: http)"},
        take_default_scheme),
    flag<&settings::path_as_is>(connections, {"--path-as-is", "", "Keep /../ and /./ in the URLs that are given"}),
    checked(texts<&settings::resolve>(
                connections, {"--resolve", "HOST:PORT:ADDRESS",
                              "Use these addresses (ADDRESS[,ADDRESS]) instead of looking up the host; * is any host. "
                              "May be repeated"}),
            refused_by_client<&settings::resolve, &http::client_options::resolve>),
    checked(texts<&settings::connect_to>(
                connections, {"--connect-to", "HOST1:PORT1:HOST2:PORT2",
                              "Connect to HOST2:PORT2 for requests to HOST1:PORT1. An empty first part matches any, an "
                              "empty second part changes nothing. Not used through a proxy. May be repeated"}),
            refused_by_client<&settings::connect_to, &http::client_options::connect_to>),
    checked(text<&settings::unix_socket>(connections,
                                         {"--unix-socket", "PATH", "Connect to this Unix socket, for any host"}),
            refused_by_client<&settings::unix_socket, &http::client_options::unix_socket>),
    checked(text<&settings::interface>(
                connections, {"--interface", "NAME", "Connect from this network device, or from this local address"}),
            refused_by_client<&settings::interface, &http::client_options::interface>),
    taking(flag<&settings::ip_version>(connections, {"-4,--ipv4", "", "Connect to IPv4 addresses only"}), take_ipv4),
    http_option{connections, "-6,--ipv6", "", "Connect to IPv6 addresses only", false, "--ipv4", take_ipv6},
    flag<&settings::public_only>(
        connections, {"--public-only", "",
                      "Refuse addresses that are not public (loopback, private, link-local), also after redirects"}),

    taking(
        any_text<&settings::proxy>(
            option_group::proxy,
            {"-x,--proxy", "PROXY",
             "Use this proxy: [SCHEME://][user:password@]HOST[:PORT], where SCHEME is http, https, socks5 or socks5h; "
             "'' for none (default: http_proxy, https_proxy, all_proxy and no_proxy in the environment, as in curl)"}),
        take_proxy),
    any_text<&settings::no_proxy>(
        option_group::proxy,
        {"--noproxy", "HOSTS",
         "Use no proxy for these hosts: names with their subdomains, addresses, or blocks such as 10.0.0.0/8, "
         "separated by commas; * is all (default: no_proxy in the environment)"}),
    flag<&settings::verify_proxy_tls, false>(option_group::proxy,
                                             {"--proxy-insecure", "", "Accept any TLS certificate of an https proxy"}),
    file<&settings::proxy_ca_file>(
        option_group::proxy,
        {"--proxy-cacert", "FILE", "Trust the issuers in this PEM file for an https proxy, instead of the system's"}),

    flag<&settings::least_tls_1_3>(tls, {"--tlsv1.3", "", "Require TLS 1.3 or later (default: TLS 1.2 or later)"}),
    flag<&settings::verify_tls, false>(tls, {"-k,--insecure", "", "Accept any TLS certificate of a server"}),
    file<&settings::ca_file>(tls, {"--cacert", "FILE", "Trust the issuers in this PEM file, instead of the system's"}),
    file<&settings::certificate_file>(
        tls, {"-E,--cert", "FILE",
              "Use this client certificate (PEM) if a server requests one; it is never sent to a proxy"}),
    checked(
        text<&settings::key_file>(tls, {"--key", "FILE", "Key of that certificate (PEM), if it is in another file"}),
        key_without_certificate),

    usual("--passthrough", "Copy unknown members of a list's objects into their records"),
    usual("-L,--location", "Follow redirects"),
    usual("-S,--show-error", "Print errors"),
    usual("-N,--no-buffer", "Do not buffer output"),
    usual("-g,--globoff", "Do not expand brackets and braces in URLs"),
    usual("-Z,--parallel", "Fetch several URLs at the same time"),
    usual("--parallel-immediate", "Open new connections instead of waiting for others"),
    usual("--tcp-nodelay", "Send small packets immediately"),
    usual("--tcp-fastopen", "Send the request with the first packet of a connection, where that is possible"),
    usual("--proxy-basic", "Use Basic authentication for the proxy"),
    usual("--ssl", "Use TLS where the URL requires it"),
    usual("-1,--tlsv1,--tlsv1.0,--tlsv1.1", "Accept TLS 1.0 and later; 1.2 is the least here"),
    usual("--false-start,--ssl-allow-beast,--ssl-revoke-best-effort", "Settings of other TLS libraries"),
    usual("--suppress-connect-headers", "Do not show a proxy's answer to CONNECT"),
    usual("--basic", "Use Basic authentication for -u"),
    usual("--tlsv1.2", "Accept TLS 1.2 and later only"),
    usual("--ssl-reqd", "Use TLS where the URL requires it"),
    usual("--no-progress-meter", "Show no progress of a single page"),
    usual("--no-keepalive", "Send no TCP keep-alive probes"),
    usual("--tr-encoding", "Decode the transfer coding"),

    derived<&settings::body_path>(),
    derived<&settings::held_body_bytes>(),
    derived<&settings::temporary_bodies>(),
    derived<&settings::authorization>(),
    derived<&settings::basic_if_asked>(),
    derived<&settings::low_speed_bytes_per_s>(),
    derived<&settings::low_speed_window_ms>(),
    derived<&settings::number_trace>(),
    derived<&settings::trace_file>(),
    derived<&settings::trace_in_hex>(),
    derived<&settings::http_versions>(),
    derived<&settings::form>(),
    derived<&settings::digest>(),
    derived<&settings::drop_failed_bodies>(),
    derived<&settings::drop_bodies>(),
    derived<&settings::keep_trace>(),
    derived<&settings::heads_before_body>(),
    derived<&settings::redirect_referer>(),
    derived<&settings::show_trace>(),
    derived<&settings::keep_heads>(),
    derived<&settings::keep_messages>(),
    derived<&settings::keep_coding>(),
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
constexpr auto travelling =
    std::count_if(table.begin(), table.end(), [](const http_option& row) { return row.save != nullptr; });
static_assert(static_cast<std::size_t>(travelling) == member_count<>(),
              "each member of the settings travels by exactly one row");

}  // namespace

std::string_view heading_of(option_group group) {
  switch (group) {
    case option_group::request:
      return "Request";
    case option_group::authentication:
      return "Authentication and cookies";
    case option_group::response:
      return "Response";
    case option_group::output:
      return "Output";
    case option_group::limits:
      return "Limits and retries";
    case option_group::connections:
      return "Connections and names";
    case option_group::proxy:
      return "Proxy";
    case option_group::tls:
      return "TLS";
  }
  return {};
}

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
