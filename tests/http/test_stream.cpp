#include "http/any_stream.hpp"
#include "http/h1/h1_stream.hpp"
#include "http/pool/stream.hpp"

#include <gtest/gtest.h>

namespace fanout::http {
namespace {

// A stream that lacks one of these, or has it of another type, does not compile here and says which.
static_assert(http_stream<h1_stream>);
static_assert(http_stream<any_stream>);
static_assert(!http_stream<int>);

TEST(stream, waits_for_the_wire_where_a_step_wants_it_and_for_nothing_otherwise) {
  EXPECT_EQ(waits_for(step::want_read), readable);
  EXPECT_EQ(waits_for(step::want_write), writable);
  EXPECT_EQ(waits_for(step::want_either), readable | writable);
  for (const step next : {step::complete, step::header, step::some, step::want_body, step::lost, step::again})
    EXPECT_EQ(waits_for(next), 0);
}

}  // namespace
}  // namespace fanout::http
