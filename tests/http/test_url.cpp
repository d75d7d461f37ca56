#include "http/support.hpp"

namespace {

using fanout::failure_kind;
using fanout::http::url;
using testing::HasSubstr;

struct url_case {
  const char* text;
  const char* whole;
  const char* host;
  int port;
  const char* target;
};
void PrintTo(const url_case& of, std::ostream* out) {
  *out << testing::PrintToString(std::string_view(of.text));
}

class whole_urls : public testing::TestWithParam<url_case> {};

TEST_P(whole_urls, are_taken_apart_and_repaired) {
  const auto& [text, whole, host, port, target] = GetParam();
  const url value(text);
  EXPECT_EQ(value.str(), whole);
  EXPECT_EQ(value.host(), host);
  EXPECT_EQ(value.port(), port);
  EXPECT_EQ(value.target(), target);
  EXPECT_EQ(std::string(value.origin()) + std::string(value.target()), value.str());
  EXPECT_EQ(url(value.str()).str(), value.str()) << "what was repaired needs no repair";
}

INSTANTIATE_TEST_SUITE_P(
    http, whole_urls,
    testing::Values(
        url_case{"http://example.org/a?b=c", "http://example.org/a?b=c", "example.org", 80, "/a?b=c"},
        url_case{"http://example.org", "http://example.org/", "example.org", 80, "/"},
        url_case{"https://example.org?x", "https://example.org/?x", "example.org", 443, "/?x"},
        url_case{"HTTP://Example.ORG/A", "http://example.org/A", "example.org", 80, "/A"},
        url_case{"http://h:8080/", "http://h:8080/", "h", 8080, "/"},
        url_case{"http://h:80/", "http://h/", "h", 80, "/"}, url_case{"https://h:443/", "https://h/", "h", 443, "/"},
        url_case{"https://h:80/", "https://h:80/", "h", 80, "/"}, url_case{"http://h:/x", "http://h/x", "h", 80, "/x"},
        url_case{"http://h:0080/x", "http://h/x", "h", 80, "/x"}, url_case{"http://h/#top", "http://h/", "h", 80, "/"},
        url_case{"http://h/p?q#f?g", "http://h/p?q", "h", 80, "/p?q"},
        url_case{"http://h/a b?c d", "http://h/a%20b?c%20d", "h", 80, "/a%20b?c%20d"},
        url_case{"  http://h/a  ", "http://h/a", "h", 80, "/a"},
        url_case{"http://h/\xC3\xBC", "http://h/%C3%BC", "h", 80, "/%C3%BC"},
        url_case{"http://h/%41%zz%", "http://h/%41%zz%", "h", 80, "/%41%zz%"},
        url_case{"http://h/{a}|\"<b>\"", "http://h/%7Ba%7D|%22%3Cb%3E%22", "h", 80, "/%7Ba%7D|%22%3Cb%3E%22"},
        url_case{"http://h/a/../b/./c", "http://h/b/c", "h", 80, "/b/c"},
        url_case{"http://h\\@evil/", "http://h/@evil/", "h", 80, "/@evil/"},
        url_case{"http://h/a\\..\\b?c\\d", "http://h/b?c\\d", "h", 80, "/b?c\\d"},
        url_case{"http://h/a/%2E%2e/b/%2e/.%2E", "http://h/", "h", 80, "/"},
        url_case{"http://h/%2x/%2efoo", "http://h/%2x/%2efoo", "h", 80, "/%2x/%2efoo"},
        url_case{"http://h/a/b/..", "http://h/a/", "h", 80, "/a/"}, url_case{"http://h/.", "http://h/", "h", 80, "/"},
        url_case{"http://h/a/...", "http://h/a/...", "h", 80, "/a/..."},
        url_case{"http://h/a/./?q=/../", "http://h/a/?q=/../", "h", 80, "/a/?q=/../"},
        url_case{"http://h/../../x", "http://h/x", "h", 80, "/x"},
        url_case{"http://h/.well-known/x", "http://h/.well-known/x", "h", 80, "/.well-known/x"},
        url_case{"http://127.0.0.1:1/", "http://127.0.0.1:1/", "127.0.0.1", 1, "/"},
        url_case{"http://[::1]:8080/x", "http://[::1]:8080/x", "::1", 8080, "/x"},
        url_case{"http://[2001:DB8::1]", "http://[2001:db8::1]/", "2001:db8::1", 80, "/"},
        url_case{"http://user:pass@h/x", "http://h/x", "h", 80, "/x"},
        url_case{"http://a_b.example/", "http://a_b.example/", "a_b.example", 80, "/"},
        url_case{"http://a%2Db.example/", "http://a-b.example/", "a-b.example", 80, "/"},
        url_case{"http://h.example./", "http://h.example./", "h.example.", 80, "/"},
        url_case{"http://[0:0:0:0:0:0:0:1]/", "http://[::1]/", "::1", 80, "/"},
        url_case{"http://h:65535/x@y:1", "http://h:65535/x@y:1", "h", 65535, "/x@y:1"}));

// The WHATWG URL standard, rule by rule: what is dropped, what is percent-encoded where, how many slashes there may be.
INSTANTIATE_TEST_SUITE_P(
    whatwg, whole_urls,
    testing::Values(
        // Section 4.4, steps 1 to 3: outer controls and spaces, tabs and ends of line.
        url_case{"\x01 http://h/a \x1f\n", "http://h/a", "h", 80, "/a"},
        url_case{"ht\ttp:/\n/ex\tample.org:\r8\n0/a\tb?c\td", "http://example.org/ab?cd", "example.org", 80, "/ab?cd"},
        url_case{"http://h/\r\nX: y", "http://h/X:%20y", "h", 80, "/X:%20y"},
        url_case{"http://h/p#\n", "http://h/p", "h", 80, "/p"},
        // Special authority ignore slashes state.
        url_case{"http:h/x", "http://h/x", "h", 80, "/x"}, url_case{"http:/h/x", "http://h/x", "h", 80, "/x"},
        url_case{"http:///h/x", "http://h/x", "h", 80, "/x"}, url_case{"http:\\\\h\\x", "http://h/x", "h", 80, "/x"},
        url_case{"https:////\\//h", "https://h/", "h", 443, "/"},
        // Path percent-encode set; a '%' that encodes nothing stays.
        url_case{"http://h/ \"#", "http://h/%20%22", "h", 80, "/%20%22"},
        url_case{"http://h/<>^`{}", "http://h/%3C%3E%5E%60%7B%7D", "h", 80, "/%3C%3E%5E%60%7B%7D"},
        url_case{"http://h/[]|~!$&'()*+,;=:@%", "http://h/[]|~!$&'()*+,;=:@%", "h", 80, "/[]|~!$&'()*+,;=:@%"},
        url_case{"http://h/\x01\x7f\xff", "http://h/%01%7F%FF", "h", 80, "/%01%7F%FF"},
        // Special-query percent-encode set.
        url_case{"http://h/? \"'<>", "http://h/?%20%22%27%3C%3E", "h", 80, "/?%20%22%27%3C%3E"},
        url_case{"http://h/?^`{}|\\[]%zz?/", "http://h/?^`{}|\\[]%zz?/", "h", 80, "/?^`{}|\\[]%zz?/"},
        url_case{"http://h/?\x01\xC3\xBC", "http://h/?%01%C3%BC", "h", 80, "/?%01%C3%BC"},
        url_case{"http://h?", "http://h/?", "h", 80, "/?"}, url_case{"http://h?a#b", "http://h/?a", "h", 80, "/?a"},
        // Users: the last '@' counts, and an empty one is none.
        url_case{"http://a@b@h/", "http://h/", "h", 80, "/"}, url_case{"http://@h/", "http://h/", "h", 80, "/"},
        url_case{"http://h/@x", "http://h/@x", "h", 80, "/@x"},
        // Hosts: IPv6 serializer, in hexadecimal, the first of the longest runs of zeros shortened.
        url_case{"http://[1:0:0:2:0:0:0:3]/", "http://[1:0:0:2::3]/", "1:0:0:2::3", 80, "/"},
        url_case{"http://[0:0:1:1:1:1:0:0]/", "http://[::1:1:1:1:0:0]/", "::1:1:1:1:0:0", 80, "/"},
        url_case{"http://[1:0:2:3:4:5:6:7]/", "http://[1:0:2:3:4:5:6:7]/", "1:0:2:3:4:5:6:7", 80, "/"},
        url_case{"http://[::1.2.3.4]/", "http://[::102:304]/", "::102:304", 80, "/"},
        url_case{"http://[::]/", "http://[::]/", "::", 80, "/"},
        url_case{"http://[1::]/", "http://[1::]/", "1::", 80, "/"},
        // Hyphens anywhere, and labels of any length: CheckHyphens and VerifyDnsLength are false.
        url_case{"http://r3---sn.-a-.h-/", "http://r3---sn.-a-.h-/", "r3---sn.-a-.h-", 80, "/"}));

// Symbols, which UTS 46 takes and IDNA 2008 alone does not.
INSTANTIATE_TEST_SUITE_P(
    symbols, whole_urls,
    testing::Values(url_case{"http://i\u2764.ws/", "http://xn--i-7iq.ws/", "xn--i-7iq.ws", 80, "/"},
                    url_case{"http://xn--i-7iq.ws/", "http://xn--i-7iq.ws/", "xn--i-7iq.ws", 80, "/"},
                    url_case{"http://\U0001f4a9.la/", "http://xn--ls8h.la/", "xn--ls8h.la", 80, "/"},
                    url_case{"http://\u2603\u3002net/", "http://xn--n3h.net/", "xn--n3h.net", 80, "/"},
                    url_case{"http://fa\u00df.\u2603.de/", "http://xn--fa-hia.xn--n3h.de/", "xn--fa-hia.xn--n3h.de", 80,
                             "/"},
                    url_case{"http://\u2764\ufe0f.x/", "http://xn--qei.x/", "xn--qei.x", 80, "/"},
                    // CheckHyphens is false: what is between them is mapped all the same.
                    url_case{"http://R3---S\u00dc.x/", "http://xn--r3---s-8ya.x/", "xn--r3---s-8ya.x", 80, "/"},
                    url_case{"http://-\u2764-.x/", "http://xn-----ony.x/", "xn-----ony.x", 80, "/"},
                    url_case{"http://-\uff11-/", "http://-1-/", "-1-", 80, "/"}));

// RFC 6874, and as curl takes it. The zone is part of the origin, of no name.
INSTANTIATE_TEST_SUITE_P(
    zones, whole_urls,
    testing::Values(url_case{"http://[fe80::1%25eth0]/x", "http://[fe80::1%25eth0]/x", "fe80::1", 80, "/x"},
                    url_case{"http://[fe80::1%eth0]:81/x", "http://[fe80::1%25eth0]:81/x", "fe80::1", 81, "/x"},
                    url_case{"http://[FE80:0::1%251]", "http://[fe80::1%251]/", "fe80::1", 80, "/"}));

// The hosts that browsers show in two scripts, and addresses in all their spellings: what they mean is not to be missed
// by a check of addresses.
INSTANTIATE_TEST_SUITE_P(
    odd_hosts, whole_urls,
    testing::Values(
        url_case{"http://B\xC3\xBC"
                 "cher.example/",
                 "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80, "/"},
        url_case{"http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80, "/"},
        url_case{"http://fa\xC3\x9F.de/", "http://xn--fa-hia.de/", "xn--fa-hia.de", 80, "/"},
        url_case{"http://a\xE3\x80\x82"
                 "b/",
                 "http://a.b/", "a.b", 80, "/"},  // an ideographic full stop
        url_case{"http://\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.1/", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
        url_case{"http://0x7f.1/", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
        url_case{"http://0x7F.0x0.1/", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
        url_case{"http://2130706433/", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
        url_case{"http://017700000001:81/", "http://127.0.0.1:81/", "127.0.0.1", 81, "/"},
        url_case{"http://127.1", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
        url_case{"http://127.0.0.1./", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
        url_case{"http://0177.0.0.01/", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
        url_case{"http://%30x7f.1/", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
        url_case{"http://0/", "http://0.0.0.0/", "0.0.0.0", 80, "/"},
        url_case{"http://0x/", "http://0.0.0.0/", "0.0.0.0", 80, "/"},
        url_case{"http://169.254.43518/", "http://169.254.169.254/", "169.254.169.254", 80, "/"},
        url_case{"http://192.168.1.256.example/", "http://192.168.1.256.example/", "192.168.1.256.example", 80, "/"},
        url_case{"http://1.2.3.4a/", "http://1.2.3.4a/", "1.2.3.4a", 80, "/"},
        url_case{"http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "::ffff:7f00:1", 80, "/"},
        url_case{"http://[::FFFF:7f00:1]/", "http://[::ffff:7f00:1]/", "::ffff:7f00:1", 80, "/"}));

struct refused {
  std::string text;
  const char* because;
};
void PrintTo(const refused& of, std::ostream* out) {
  *out << testing::PrintToString(of.text);
}

class bad_urls : public testing::TestWithParam<refused> {};

TEST_P(bad_urls, are_refused_with_the_reason) {
  const auto failed = fanout_test::failure_of([] { url(GetParam().text); });
  EXPECT_EQ(failed.kind, failure_kind::invalid_request);
  EXPECT_THAT(failed.message, HasSubstr(GetParam().because));
}

INSTANTIATE_TEST_SUITE_P(
    http, bad_urls,
    testing::Values(
        refused{"", "empty"}, refused{"   ", "empty"}, refused{"example.org", "no scheme"},
        refused{"localhost:8080/x", "no scheme"}, refused{"/path", "no scheme"},
        refused{"ftp://h/", "scheme 'ftp' is not supported"}, refused{"file:///etc/passwd", "'file'"},
        refused{"http:", "no host"}, refused{"http:///", "no host"}, refused{"http://?x", "no host"},
        refused{"http://:80/", "no host"}, refused{"http://h:0/", "port '0'"},
        refused{"http://h:65536/", "port '65536'"}, refused{"http://h:8a/", "port '8a'"},
        refused{"http://h:-1/", "port '-1'"}, refused{"http://a b/", "contains ' '"},
        refused{"http://a%20b/", "contains ' '"}, refused{"http://a%00b/", "contains '\\x00'"},
        refused{"http://a%zz/", "contains '%'"}, refused{"http://h%2Fevil/", "contains '/'"},
        refused{"http://h%40evil/", "contains '@'"}, refused{"http://\xC3\x28/", "cannot be written"},
        refused{"http://\xE2\x84\x80.example/", "contains '/'"},  // a/c in one character
        refused{"http://256.1.1.1/", "not an IPv4 address"}, refused{"http://1.2.3.4.5/", "IPv4"},
        refused{"http://1.2..4/", "IPv4"}, refused{"http://4294967296/", "IPv4"}, refused{"http://09.1/", "IPv4"},
        refused{"http://1.0x1g.2/", "IPv4"}, refused{"http://a.1/", "IPv4"}, refused{"http://[::1%]/", "zone ''"},
        refused{"http://[::1%25a%2fb]/", "zone 'a%2fb'"}, refused{"http://[::1%25sixteen-letters-]/", "zone"},
        refused{"http://[::1%25a b]/", "zone"}, refused{"http://1.2.3.4%25lo/", "contains '%'"},
        refused{"http://fa\u00df\u2764.de/", "cannot be written in ASCII"}, refused{"http://[::1/", "']'"},
        refused{"http://[::g]/", "not an IPv6 address"}, refused{"http://[::1]x/", "after its host"},
        refused{std::string("http://h\0x/", 11), "contains '\\x00'"}, refused{"http://h\x01/", "contains '\\x01'"},
        refused{"http://h\x7f/", "contains '\\x7F'"}, refused{"http://u%0d%0a:p@h/", "control character"},
        refused{"http://u\x01@h/", "control character"}, refused{"http://a*b/", "contains '*'"},
        refused{"http://a,b/", "contains ','"}));

TEST(url, what_it_sends_has_no_controls_and_no_spaces) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text =
        std::string("http://h/a") + static_cast<char>(byte) + "b?c" + static_cast<char>(byte) + "d";
    const std::string sent(url(text).target());
    EXPECT_TRUE(std::all_of(sent.begin(), sent.end(), [](char c) { return c > ' ' && c < '\x7f'; })) << byte;
  }
}

TEST(url, a_zone_is_for_connections_and_in_no_header) {
  const url value("http://[fe80::1%25eth0]:8080/x");
  EXPECT_EQ(value.zone(), "eth0");
  EXPECT_EQ(value.host_header(), "[fe80::1]:8080");
  EXPECT_EQ(value.authority(), "[fe80::1%25eth0]:8080");
  EXPECT_NE(value.origin(), url("http://[fe80::1%25eth1]:8080/x").origin());
  EXPECT_EQ(value.resolve("/y").str(), "http://[fe80::1%25eth0]:8080/y");
  EXPECT_EQ(url("http://h/").zone(), "");
  EXPECT_EQ(url("http://h:81/").host_header(), "h:81");
}

TEST(url, dot_segments_stay_where_they_are_asked_for) {
  const url made = url::with_dots("HTTP://A.test/x/../y/./%2e%2E/ z?q=..#f");
  EXPECT_EQ(made.str(), "http://a.test/x/../y/./%2e%2E/%20z?q=..");
  EXPECT_EQ(made.target(), "/x/../y/./%2e%2E/%20z?q=..");
  EXPECT_EQ(url::with_dots("https://a.test/x").str(), "https://a.test/x");
  EXPECT_THROW(url::with_dots("nothing"), fanout::error);
}

TEST(url, userinfo_is_decoded_and_kept_apart) {
  const url value("https://us%40er:p%3Ass@h/x");
  EXPECT_EQ(value.userinfo(), "us@er:p:ss");
  EXPECT_EQ(value.str(), "https://h/x");
  EXPECT_EQ(url("http://user@h/").userinfo(), "user:");
}

TEST(url, failures_name_no_password) {
  for (const char* const wrong :
       {"https://me:secret@h:99999/", "me:secret@h/", "https://me:secret@h o/", "http://me:secret@/",
        "https://m\x01:secret@h/", "https://m%0ae:secret@h/", "ftp://me:secret@h/a@b", "http://me:se@secret@h:x/",
        "http:me:secret@h:x/", "http:/me:secret@h:x/", "http:///me:secret@h:x/", "ht\ttp://me:secret@h:x/",
        "http:\\\\me:secret@h:x/"}) {
    try {
      const url refused(wrong);
      ADD_FAILURE() << wrong;
    } catch (const fanout::error& failed) {
      EXPECT_EQ(std::string_view(failed.what()).find("secret"), std::string_view::npos) << failed.what();
      EXPECT_NE(std::string_view(failed.what()).find("***@"), std::string_view::npos) << failed.what();
    }
  }
}

TEST(url, authority_is_the_host_header) {
  EXPECT_EQ(url("http://H:80/x").authority(), "h");
  EXPECT_EQ(url("https://h:8443/x").authority(), "h:8443");
  EXPECT_EQ(url("http://[::1]:81/").authority(), "[::1]:81");
  EXPECT_EQ(url().authority(), "");
}

TEST(url, references_resolve_as_rfc_3986_section_5_4_says) {
  const url base("http://a/b/c/d;p?q");
  for (const auto& [reference, expected] :
       std::vector<std::pair<const char*, const char*>>{{"g", "http://a/b/c/g"},
                                                        {"./g", "http://a/b/c/g"},
                                                        {"g/", "http://a/b/c/g/"},
                                                        {"/g", "http://a/g"},
                                                        {"//g", "http://g/"},
                                                        {"?y", "http://a/b/c/d;p?y"},
                                                        {"g?y", "http://a/b/c/g?y"},
                                                        {"#s", "http://a/b/c/d;p?q"},
                                                        {"", "http://a/b/c/d;p?q"},
                                                        {"g#s", "http://a/b/c/g"},
                                                        {";x", "http://a/b/c/;x"},
                                                        {".", "http://a/b/c/"},
                                                        {"..", "http://a/b/"},
                                                        {"../g", "http://a/b/g"},
                                                        {"../../g", "http://a/g"},
                                                        {"../../../g", "http://a/g"},
                                                        {"/./g", "http://a/g"},
                                                        {"g.", "http://a/b/c/g."},
                                                        {".g", "http://a/b/c/.g"},
                                                        {"g;x=1/../y", "http://a/b/c/y"},
                                                        {"https://other:8443/z", "https://other:8443/z"},
                                                        {"a b", "http://a/b/c/a%20b"},
                                                        {"http:g", "http://a/b/c/g"},
                                                        {"http:/g", "http://a/g"},
                                                        {"http:?y", "http://a/b/c/d;p?y"},
                                                        {"http:", "http://a/b/c/d;p?q"},
                                                        {"http://g", "http://g/"},
                                                        {"HTTP:\\\\g", "http://g/"},
                                                        {"https:/g", "https://g/"},
                                                        {"https:g", "https://g/"},
                                                        {"///g/x", "http://g/x"},
                                                        {"/\\g/x", "http://g/x"},
                                                        {"\\g", "http://a/g"},
                                                        {"g\\..\\y", "http://a/b/c/y"},
                                                        {" /g\t\n", "http://a/g"},
                                                        {"/\t/g", "http://g/"},
                                                        {"ht\ttp://g/", "http://g/"},
                                                        {"g?a\\b{c}'d", "http://a/b/c/g?a\\b{c}%27d"},
                                                        {"[x]/%/{y}", "http://a/b/c/[x]/%/%7By%7D"}})
    EXPECT_EQ(base.resolve(reference).str(), expected) << reference;
}

}  // namespace
