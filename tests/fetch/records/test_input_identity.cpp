#include <fanout/fetch/input_identity.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(input_identity, of_inputs_by_their_bytes) {
  const temporary_directory directory;
  const std::vector lists{directory.write("list", "http://a/\n")};
  const std::vector<std::string> urls{"http://b/"};
  const auto was = identity_of_inputs(urls, lists);
  EXPECT_EQ(difference(was, identity_of_inputs(urls, lists)), "");
  directory.write("list", "http://c/\n");
  EXPECT_THAT(difference(was, identity_of_inputs(urls, lists)),
              AllOf(HasSubstr("the list is 10 bytes"), Not(HasSubstr("URLs"))));
  directory.write("list", "http://a/\n");
  EXPECT_THAT(difference(was, identity_of_inputs({}, lists)), HasSubstr("URLs is not given"));
  EXPECT_THROW(identity_of_inputs({}, std::vector<std::string>{directory / "none"}), std::runtime_error);
}

TEST(input_identity, of_options_without_secrets) {
  settings how;
  common_request common;
  const auto was = identity_of_options(how, common);
  how.timeout_ms = 1;  // changes no record of a page that came
  EXPECT_EQ(difference(was, identity_of_options(how, common)), "");
  how.authorization = "Basic c2VjcmV0";
  how.keep_headers = true;
  how.decode_content = false;
  how.max_redirects = 0;
  how.verify_digests = how.digest_bodies = true;
  how.opt_outs = {"noai", "noimageai"};
  common.method = "PUT";
  common.body = "page";
  common.query = "a=b";
  common.headers = {{"Cookie", "secret"}};
  const std::string text = difference(was, identity_of_options(how, common));
  for (const char* each : {"the user", "what records hold is headers, digests", "content coding", "--verify is given",
                           "--heed-x-robots-tag is noai,noimageai", "--max-redirs is 0, and was 10",
                           "the method is PUT", "the body to send", "the query is a=b", "headers is"})
    EXPECT_THAT(text, HasSubstr(each));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("c2VjcmV0")), Not(HasSubstr("secret"))));
}

TEST(input_identity, a_pipe_cannot_be_read_again) {
  const temporary_directory directory;
  EXPECT_TRUE(can_be_read_again(directory.write("list", "")));
  EXPECT_FALSE(can_be_read_again("-"));
  EXPECT_FALSE(can_be_read_again("/dev/null"));
  EXPECT_FALSE(can_be_read_again(directory / "none"));
}

}  // namespace
