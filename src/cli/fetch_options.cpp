#include "cli/fetch_options.hpp"

#include <fanout/core/shape.hpp>

#include "cli/units.hpp"

namespace fanout::cli {
namespace {

/// A text that says something: an empty one is a variable of a script that was not set.
CLI::Option* add_text(CLI::App& command, const std::string& names, std::string& into, const std::string& help) {
  return command.add_option(names, into, help)->check([](const std::string& given) {
    return given.empty() ? std::string("the value is empty; leave the option out, or give one") : std::string();
  });
}

void add_lists(CLI::App& command, fetch_options& into) {
  command.add_option("URL", into.urls, "What to fetch");
  command.add_option(
      "-i,--input", into.list,
      "List of URLs, one a line, or JSON Lines {\"url\",\"id\"?,\"method\"?,\"headers\"?,\"body\"?}; plain, "
      "gzip or zstd; - for standard input");
  command.add_option("-o,--output", into.destination,
                     "One URL: the file for its body. Several: the file for the records; or a directory (existing, or "
                     "with a / at its end) for the bodies, named by index");
  command
      .add_option("-s,--shape", into.shape,
                  "sync, threads:N, async:N, processes:N, hybrid:N, auto, or PxTxC (processes x threads x tasks in "
                  "flight on each thread)")
      ->capture_default_str();
  add_count(command, "-j,--jobs", into.in_flight, {1, shape_limits::in_flight}, "Tasks in flight altogether");
}

void add_request(CLI::App& command, fetch_options& into) {
  const auto repeated = [&](const std::string& names, std::vector<std::string>& values, const std::string& help) {
    command.add_option(names, values, help)->expected(1)->allow_extra_args(false)->take_all();
  };
  add_text(command, "-X,--request", into.method, "Method (default GET, with a body POST)");
  repeated("-H,--header", into.headers,
           "Header to send, 'Name: value'; 'Name;' for one without a value; 'Name:' to leave out one that is sent "
           "otherwise; may be repeated");
  repeated("-d,--data", into.data,
           "Body to send, as a form; @FILE reads it from a file, or @- from standard input, without its line ends; "
           "several are joined with &");
  repeated("--data-binary", into.data_binary, "The same, but @FILE is sent as it is");
  repeated("--json", into.json,
           "Body to send, said to be JSON and not checked; @FILE reads it from a file; several are joined");
  add_text(command, "--data-file", into.data_file, "File to send as the body, read while it is sent");
  command.add_flag("--head", into.head, "Send HEAD; one URL: print the response's header");
  add_text(command, "-u,--user", into.user, "user:password for Basic authentication, for the URL's own host alone");
  repeated("--cookie", into.cookies,
           "Cookies to send: 'name=value; ...', or a file of them in the Netscape format, to which those that servers "
           "set are added in memory ('' for an empty one); may be repeated");
  add_text(command, "--cookie-jar", into.cookie_jar,
           "Keep the cookies that servers set, and write them to this file in the end; - for standard output");
}

void add_exchange(CLI::App& command, fetch_options& into) {
  add_duration(command, "--timeout", into.timeout, "Limit for each URL, redirects included");
  add_duration(command, "--connect-timeout", into.connect_timeout, "Limit for look-up, connection and TLS handshake");
  add_duration(command, "--idle-timeout", into.idle_timeout, "Limit for the time in which no byte moves");
  auto* const most =
      add_count(command, "--max-redirects", into.max_redirects, {0, 1000}, "Redirects to follow; 0 for none");
  command.add_flag("--no-redirects", into.no_redirects, "Follow none: a redirect is the response")->excludes(most);
  auto* const raw = command.add_flag("--raw", into.raw, "Ask for no compression, and decode nothing");
  command.add_flag("--compressed", into.compressed, "Ask for compression and undo it, which is the default")
      ->excludes(raw);
  add_size(command, "--max-bytes", into.max_bytes, "Largest body accepted, such as 10MiB");
  command.add_flag("--public-only", into.public_only,
                   "Refuse addresses that are not public (loopback, private, link-local), on every hop");
  command
      .add_option("--resolve", into.resolve,
                  "HOST:PORT:ADDRESS[,ADDRESS]: connect there instead of looking the host up; * is any host; may be "
                  "repeated")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option(
      "--proxy", into.proxy,
      "[SCHEME://][user:password@]HOST[:PORT], by http, https, socks5 or socks5h; '' for none; without it, "
      "http_proxy, https_proxy, all_proxy and no_proxy of the environment are read as curl reads them");
  command.add_option("--noproxy", into.no_proxy,
                     "Hosts reached without a proxy: names with their subdomains, addresses, blocks such as "
                     "10.0.0.0/8, separated by commas; * is all; instead of no_proxy in the environment");
  command.add_flag("--tlsv1.3", into.tls_1_3, "Accept TLS 1.3 and later only; otherwise 1.2, too");
  command.add_flag("-k,--insecure", into.insecure, "Accept any TLS certificate of a server");
  add_text(command, "--cacert", into.ca_file, "PEM file of the issuers to trust, instead of the system's");
  add_text(command, "--cert", into.certificate,
           "PEM file of the client certificate, for servers that ask for one; a proxy never gets it");
  add_text(command, "--key", into.key, "PEM file of its key, if that is not in the same file");
  command.add_flag("--proxy-insecure", into.proxy_insecure, "Accept any TLS certificate of an https proxy");
  add_text(command, "--proxy-cacert", into.proxy_ca_file,
           "PEM file of the issuers to trust for an https proxy, instead of the system's");
}

void add_output(CLI::App& command, fetch_options& into) {
  command.add_flag("--with-headers", into.with_headers, "Put the response's headers into the record");
  command.add_flag("--with-bodies", into.with_bodies, "Put the body into the record, as text or base64");
  command.add_flag("--timings", into.timings, "Put what each phase took, and bytes on the wire, into the record");
  command.add_option("--summary", into.summary_file, "Write a summary of the run to this file, as JSON");
  command.add_flag("-q,--quiet", into.quiet, "No progress and no summary on standard error");
}

}  // namespace

void add_fetch_options(CLI::App& command, fetch_options& into) {
  add_lists(command, into);
  add_request(command, into);
  add_exchange(command, into);
  add_output(command, into);
}

}  // namespace fanout::cli
