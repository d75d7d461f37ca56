#include "fetch/exchange/netrc.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string refused_netrc(std::string_view text) {
  try {
    parse_netrc(text);
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

constexpr const char* example = R"(# a comment
machine a.test login ann password "se\"c r#et"
machine b.test
  login bob account x
  password pw # another
macdef init
cd /pub
machine no.test login no

default login anonymous password guest
)";

TEST(netrc, machines_in_order) {
  EXPECT_THAT(parse_netrc(example),
              ElementsAre(netrc_entry{"a.test", "ann", "se\"c r#et"}, netrc_entry{"b.test", "bob", "pw"},
                          netrc_entry{"", "anonymous", "guest"}));
  EXPECT_THAT(parse_netrc(""), IsEmpty());
}

TEST(netrc, the_first_that_names_a_host_counts) {
  const auto all = parse_netrc(example);
  EXPECT_EQ(find_netrc(all, "A.TEST")->login, "ann");
  EXPECT_EQ(find_netrc(all, "no.test")->login, "anonymous") << "what is in a macro is no entry";
  EXPECT_EQ(find_netrc(parse_netrc("machine a login b"), "c"), nullptr);
}

TEST(netrc, what_is_none) {
  EXPECT_THAT(refused_netrc("a"), HasSubstr("line 1: what comes first is neither"));
  EXPECT_THAT(refused_netrc("machine a\nlogin b\npasword secret"),
              AllOf(HasSubstr("line 3"), Not(HasSubstr("secret"))));
  EXPECT_THAT(refused_netrc("machine a login"), HasSubstr("'login' has no value"));
  EXPECT_THAT(refused_netrc("machine a password \"b\nc\""), HasSubstr("a quote is not closed"));
  const std::string whole = example;
  for (std::size_t size = 0; size < whole.size(); ++size) refused_netrc(whole.substr(0, size));
}

TEST(netrc, files) {
  const temporary_directory directory;
  EXPECT_EQ(read_netrc(directory.write("x", "machine a login b"), false).size(), 1u);
  EXPECT_THAT(read_netrc(directory / "none", true), IsEmpty());
  const auto refusal = [](const std::string& path) -> std::string {
    try {
      read_netrc(path, false);
    } catch (const std::invalid_argument& refused) {
      return refused.what();
    }
    return "nothing was refused";
  };
  EXPECT_THAT(refusal("/no/such"), HasSubstr("--netrc-file: cannot read /no/such: No such file"));
  EXPECT_THAT(refusal("/"), HasSubstr("--netrc-file: cannot read /: Is a directory"));
  EXPECT_THAT(refusal(directory.write("y", "bad")), AllOf(HasSubstr("--netrc-file: "), HasSubstr("line 1")));
}

}  // namespace
