// The client, one use after another: the code of docs/http-client.md. The pages come from an origin in this process.
#include <fanout/async/sync_wait.hpp>
#include <fanout/base/failure.hpp>
#include <fanout/http/http.hpp>
#include <fanout/origin/background.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace http = fanout::http;

std::string page(const std::string& url) {
  const auto response = http::get(url);
  response.raise_for_status();
  return response.text();
}

fanout::task<std::string> page_async(std::string url) {
  auto response = co_await http::client::shared().get(url);
  co_return std::move(response).text();
}

int post_form(const std::string& url) {
  http::request what;
  what.method = "POST";
  what.url = http::url(url);
  what.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"X-Trace", "7"}};
  what.body = "name=Ada&born=1815";
  return http::send(what).status;
}

int upload(const std::string& url, const std::string& path) {
  http::request what;
  what.method = "PUT";
  what.url = http::url(url);
  what.body_from = http::body_source::file(path);  // read while it is sent
  return http::send(what).status;
}

http::client careful_client() {
  http::client_options options;
  options.connect_timeout = std::chrono::seconds(3);
  options.total_timeout = std::chrono::seconds(20);
  options.max_redirects = 3;
  options.max_body_bytes = 10 << 20;
  return http::client(options);
}

http::client signed_in(const std::string& user, const std::string& password) {
  http::client_options options;
  options.authorization = http::basic_auth(user, password);
  return http::client(options);
}

http::client with_cookies(const std::shared_ptr<http::cookie_jar>& jar) {
  http::client_options options;
  options.cookies = jar;
  return http::client(options);
}

http::client inside_the_company() {
  http::client_options options;
  options.ca_file = "/etc/company/issuers.pem";  // trusted instead of the system's
  options.certificate_file = "/etc/company/me.pem";
  options.key_file = "/etc/company/me.key";
  options.min_tls_version = http::tls_version::v1_3;
  return http::client(options);
}

fanout::task<std::size_t> download(http::request what, std::string path) {
  auto stream = co_await http::client::shared().open(std::move(what));
  std::ofstream file(path, std::ios::binary);
  std::size_t bytes = 0;
  for (;;) {
    const std::string piece = co_await stream.read_some();
    if (piece.empty()) co_return bytes;
    file.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    bytes += piece.size();
  }
}

std::string why_not(const http::client& client, const std::string& url) {
  http::request what;
  what.url = http::url(url);
  try {
    http::send(client, what).raise_for_status();
  } catch (const fanout::error& failed) {
    return std::string(fanout::to_string(failed.kind()));
  }
  return "ok";
}

std::string where_from(const std::string& url) {
  const auto response = http::get(url);
  std::string path;
  for (const http::hop& each : response.history) path += std::to_string(each.status) + " ";
  return path + std::string(response.url.target());
}

int main() {
  fanout::origin::background origin;
  std::printf("page %s\n", page(origin.url("/bytes/5")).c_str());
  std::printf("page_async %s\n", fanout::sync_wait(page_async(origin.url("/bytes/5"))).c_str());
  std::printf("form %d\n", post_form(origin.url("/echo")));

  const auto file = std::filesystem::temp_directory_path() / ("fanout-example-" + std::to_string(origin.port()));
  http::request large;
  large.url = http::url(origin.url("/bytes/100000"));
  std::printf("download %zu\n", fanout::sync_wait(download(large, file.string())));
  std::printf("upload %d\n", upload(origin.url("/echo"), file.string()));
  std::filesystem::remove(file);

  std::printf("redirects %s\n", where_from(origin.url("/redirect/2")).c_str());
  std::printf("failures %s", why_not(careful_client(), origin.url("/redirect/5")).c_str());
  std::printf(" %s", why_not(careful_client(), origin.url("/status/404")).c_str());
  std::printf(" %s\n", why_not(signed_in("ada", "secret"), origin.url("/garbage")).c_str());
  const auto jar = std::make_shared<http::cookie_jar>();
  std::printf("cookies %s %zu\n", why_not(with_cookies(jar), origin.url("/")).c_str(), jar->size());
  std::printf("company %s\n", why_not(inside_the_company(), "https://127.0.0.1:1/").c_str());
}
