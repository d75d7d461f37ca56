// Bodies that come packed.
#include "http/coded.hpp"
#include "http/h1/response_parser.hpp"
#include "http/message/content_coding.hpp"
#include "http/support.hpp"
#include "support/nginx.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::coding_error;
using fanout::http::make_decoder;
using fanout::http::make_decoder_stack;
using fanout_test::by_version::client;
using testing::AllOf;
using testing::HasSubstr;

// Text that packs neither well nor badly, larger than any buffer in between.
std::string text() {
  std::string made;
  for (unsigned i = 0; made.size() < 200'000; ++i) made += std::to_string(i * 2654435761U) + ' ';
  return made;
}

std::string decoded_by(fanout::http::decoder& with, std::string_view coded, std::size_t piece, std::size_t room) {
  std::string result, buffer(room, '\0');
  while (!coded.empty()) {
    auto part = coded.substr(0, piece);
    coded.remove_prefix(part.size());
    for (std::size_t count = room; count == room;) {
      count = with.decode(part, buffer);
      result.append(buffer, 0, count);
    }
    EXPECT_TRUE(part.empty());
  }
  return result;
}

const std::vector<std::string_view> codings{"gzip", "deflate", "br", "zstd"};

TEST(decoder, undoes_each_coding_in_pieces_of_any_size) {
  const std::string plain = text().substr(0, 20'000);
  for (const auto coding : codings)
    for (const std::size_t piece : {1, 2, 7, 4096, 1'000'000})
      for (const std::size_t room : {1, 13, 16384, 1'000'000}) {
        const auto each = make_decoder(coding);
        EXPECT_EQ(decoded_by(*each, coded(plain, coding), piece, room), plain) << coding << piece << ' ' << room;
        EXPECT_TRUE(each->whole());
      }
}

TEST(decoder, deflate_is_both_kinds) {
  for (const std::size_t piece : {1, 1000}) {
    const auto raw = make_decoder("deflate");
    EXPECT_EQ(decoded_by(*raw, deflated("hello", raw_bits), piece, 100), "hello");
    EXPECT_TRUE(raw->whole());
  }
}

TEST(decoder, several_members_and_frames_are_one_body) {
  const auto gzip = make_decoder("x-gzip");
  EXPECT_EQ(decoded_by(*gzip, coded("a", "gzip") + coded("", "gzip") + coded("b", "gzip"), 3, 5), "ab");
  EXPECT_TRUE(gzip->whole());
  const auto zstd = make_decoder("ZSTD");
  EXPECT_EQ(decoded_by(*zstd, coded("a", "zstd") + coded("b", "zstd"), 3, 5), "ab");
  EXPECT_TRUE(zstd->whole());
}

TEST(decoder, what_follows_the_end_is_refused) {
  for (const auto coding : codings)
    for (const std::size_t piece : {1, 1000})
      EXPECT_THROW(decoded_by(*make_decoder(coding), coded("hello", coding) + std::string(20, '\0'), piece, 100),
                   coding_error)
          << coding;
}

TEST(decoder, cut_off_at_any_byte_it_is_not_whole) {
  for (const auto coding : codings) {
    const std::string whole = coded("hello, hello, hello", coding);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      const auto each = make_decoder(coding);
      decoded_by(*each, std::string_view(whole).substr(0, cut), 1000, 1000);
      EXPECT_FALSE(each->whole()) << coding << " cut at " << cut;
    }
  }
}

TEST(decoder, zstd_from_before_the_standard_is_refused) {
  EXPECT_THROW(decoded_by(*make_decoder("zstd"), "\x26\xb5\x2f\xfd", 1, 5), coding_error);
  EXPECT_THROW(decoded_by(*make_decoder("zstd"), coded("a", "zstd") + "\x26\xb5\x2f\xfd", 1, 5), coding_error);
}

TEST(decoder, zstd_keeps_no_more_than_a_sender_may_ask_for) {
  EXPECT_THROW(decoded_by(*make_decoder("zstd"), zstded(text(), 24), 100'000, 1000), coding_error);
  EXPECT_EQ(decoded_by(*make_decoder("zstd"), zstded(text(), 23), 100'000, 1000), text());
}

TEST(decoder, stacks_are_undone_from_the_last) {
  const auto stack = make_decoder_stack("gzip ,, Br,identity,\tzstd", 3);
  const std::string plain = text();
  EXPECT_EQ(decoded_by(*stack, coded(coded(coded(plain, "gzip"), "br"), "zstd"), 777, 1000), plain);
  EXPECT_TRUE(stack->whole());
  EXPECT_EQ(make_decoder_stack("identity", 3), nullptr);
  EXPECT_EQ(make_decoder_stack("", 3), nullptr);
  EXPECT_THROW(make_decoder_stack("gzip, gzip, gzip, gzip", 3), coding_error);
  EXPECT_EQ(make_decoder_stack("gzip, compress", 3), nullptr);
}

std::string answer_of(const std::string& fields, std::string_view body) {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

std::string packed_answer(std::string_view plain, std::string_view coding) {
  return answer_of("Content-Encoding: " + std::string(coding) + "\r\n", coded(plain, coding));
}

class coded_bodies : public each_version {
 protected:
  static fanout::failure failure_for(const std::string& bytes, const client_options& options = {}) {
    scripted_server server(always(bytes));
    return failure_of([&] { fetch(server.url(), options); });
  }
};

TEST_P(coded_bodies, are_decoded) {
  const std::string plain = text();
  for (const auto coding : codings) {
    const std::string bytes = packed_answer(plain, coding);
    scripted_server server(always(bytes));
    const auto answer = fetch(server.url());
    EXPECT_EQ(answer.body, plain) << coding;
    EXPECT_EQ(answer.body_bytes, plain.size());
    EXPECT_EQ(answer.coded_bytes, coded(plain, coding).size());
    EXPECT_EQ(answer.headers["content-encoding"], coding) << "the header stays as it came";
  }
}

TEST_P(coded_bodies, in_chunks_until_close_and_not_kept) {
  const std::string packed = coded("hello", "gzip");
  for (const std::string& bytes :
       {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n" + packed.substr(0, 1) +
            "\r\n" + fanout_test::chunk(packed.substr(1)) + "0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + packed}) {
    scripted_server server([&](peer& client, int) {
      client.read_request();
      client.send(bytes);
    });
    asio::io_context loop(1);
    for (const bool keep : {true, false}) {
      fanout::http::request what;
      what.url = fanout::http::url(server.url());
      what.keep_body = keep;
      const auto answer = run_on(loop, client().send(std::move(what)));
      EXPECT_EQ(answer.body, keep ? "hello" : "");
      EXPECT_EQ(answer.body_bytes, 5u);
    }
  }
}

TEST_P(coded_bodies, that_were_cut_off_or_damaged_are_failures) {
  for (const auto coding : codings) {
    const std::string packed = coded("hello, hello, hello", coding);
    const std::string field = "Content-Encoding: " + std::string(coding) + "\r\n";
    const auto cut = failure_for(answer_of(field, std::string_view(packed).substr(0, packed.size() - 1)));
    EXPECT_EQ(cut.kind, failure_kind::protocol) << coding;
    EXPECT_THAT(cut.message, AllOf(HasSubstr("cannot be decoded"), HasSubstr("cut off"))) << coding;
    EXPECT_EQ(failure_for(answer_of(field, "\xff\xff\xff\xff\xff\xff\xff\xff" + packed)).kind, failure_kind::protocol);
    EXPECT_EQ(failure_for(answer_of(field, packed + "more")).kind, failure_kind::protocol) << coding;
    // An empty body is whole in any coding.
    scripted_server server(always(answer_of(field, "")));
    EXPECT_EQ(fetch(server.url()).body, "") << coding;
  }
  scripted_server closing([](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b");
  });
  const auto until_close = failure_of([&] { fetch(closing.url()); });
  EXPECT_EQ(until_close.kind, failure_kind::protocol);
  EXPECT_THAT(failure_for(answer_of("Content-Encoding: gzip, gzip\r\nContent-Encoding: br, br\r\n", "x")).message,
              HasSubstr("more than 3 content codings"));
}

TEST_P(coded_bodies, in_an_unknown_coding_are_left_as_they_are) {
  for (const std::string named : {"lzma", "gzip, lzma", "lzma, gzip"}) {
    scripted_server server(always(answer_of("Content-Encoding: " + named + "\r\n", "as it came")));
    const auto answer = fetch(server.url());
    EXPECT_EQ(answer.body, "as it came") << named;
    EXPECT_EQ(answer.headers["content-encoding"], named);
    EXPECT_EQ(answer.body_bytes, answer.coded_bytes);
  }
}

TEST_P(coded_bodies, bombs_are_too_large) {
  const std::string zeros(8 << 20, '\0');
  for (const auto coding : codings) {
    client_options strict;
    strict.decoding_ratio_floor = 1 << 20;
    const auto failed = failure_for(packed_answer(zeros, coding), strict);
    EXPECT_EQ(failed.kind, failure_kind::too_large) << coding;
    EXPECT_THAT(failed.message, HasSubstr("256 decoded bytes for each coded one")) << coding;
    client_options options;
    options.max_decoding_ratio = 0;
    options.max_body_bytes = 1 << 20;
    EXPECT_THAT(failure_for(packed_answer(zeros, coding), options).message, HasSubstr("over the limit of 1048576"));
    options.max_body_bytes = 8 << 20;
    scripted_server server(always(packed_answer(zeros, coding)));
    EXPECT_EQ(fetch(server.url(), options).body_bytes, zeros.size()) << coding;
  }
  scripted_server small(always(packed_answer(zeros, "gzip")));
  EXPECT_EQ(fetch(small.url()).body_bytes, zeros.size()) << "what is small harms nobody";
  const auto large = failure_for(packed_answer(std::string(65 << 20, '\0'), "zstd"));
  EXPECT_EQ(large.kind, failure_kind::too_large);
}

TEST_P(coded_bodies, stay_coded_where_asked_to_or_where_they_are_a_part) {
  const std::string packed = coded("hello", "gzip");
  client_options raw;
  raw.decode_content = false;
  std::string asked;
  scripted_server server([&](peer& client, int) {
    for (std::string got = client.read_request(); !got.empty(); got = client.read_request()) {
      asked = got;
      client.send(answer_of("Content-Encoding: gzip\r\n", packed));
    }
  });
  const auto answer = fetch(server.url(), raw);
  EXPECT_EQ(answer.body, packed);
  EXPECT_EQ(answer.body_bytes, packed.size());
  EXPECT_EQ(asked.find("Accept-Encoding"), std::string::npos) << "what would not be decoded is not asked for";

  scripted_server part(
      always("HTTP/1.1 206 Partial Content\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"));
  EXPECT_EQ(fetch(part.url()).body, "\x1f\x8b\x08");
}

TEST_P(coded_bodies, of_nginx) {
  const temporary_directory root;
  const std::string plain = text();
  root.write("page.html", plain);
  const nginx server(root.path(), std::string(over_h2() ? "http2 on;" : "") + "  gzip on; gzip_min_length 0;\n");
  const auto answer = fetch(server.url("/page.html"));
  EXPECT_EQ(answer.headers["content-encoding"], "gzip");
  EXPECT_EQ(answer.body, plain);
  EXPECT_LT(answer.coded_bytes, plain.size());
}

INSTANTIATE_TEST_SUITE_P(versions, coded_bodies, both_versions(), name_of_version);

}  // namespace
