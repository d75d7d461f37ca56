#include "http/any_stream.hpp"

namespace fanout::http {

static_assert(http_stream<any_stream>);

h2_stream& any_stream::h2() {
  if (!h2_) h2_ = std::make_unique<h2_stream>(loop_, body_, limits_, answer_);
  return *h2_;
}

void any_stream::prepare(const request& what, const stream_settings& how, bool likely_h2) {
  request_ = &what;
  options_ = &how.options;
  user_agent_ = how.user_agent;
  read_by_ = how.read_by;
  expect_continue_ = how.expect_continue;
  prepared_h2_ = likely_h2;
  if (likely_h2)
    h2().prepare(what, how);
  else
    h1_.prepare(what, how);
}

void any_stream::begin(session& on, bool streaming) {
  over_h2_ = on.protocol != nullptr;
  if (over_h2_ != prepared_h2_) prepare(*request_, {*options_, user_agent_, read_by_, expect_continue_}, over_h2_);
  if (over_h2_)
    h2_->begin(on, streaming);
  else
    h1_.begin(on.wire, streaming);
}

}  // namespace fanout::http
