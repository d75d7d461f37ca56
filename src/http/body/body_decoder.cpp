#include "http/body/body_decoder.hpp"

namespace fanout::http {
namespace {

std::string codings_of(const headers& header) {
  std::string all;
  for (const auto value : header.get_all("content-encoding")) all.append(all.empty() ? "" : ",").append(value);
  return all;
}

}  // namespace

body_decoder::body_decoder(const client_options& options, const headers& header)
    : options_(options), decoder_(make_decoder_stack(codings_of(header), options.max_content_codings)) {}

body_decoder::verdict body_decoder::check_limits() const noexcept {
  if (decoded_ > options_.max_body_bytes) return verdict::too_many_bytes;
  if (decoded_ > options_.decoding_ratio_floor && options_.max_decoding_ratio > 0 &&
      decoded_ / options_.max_decoding_ratio > coded_)
    return verdict::too_high_a_ratio;
  return verdict::ok;
}

void body_decoder::end() const {
  if (coded_ > 0 && !decoder_->whole()) throw coding_error("the coded data is cut off");
}

}  // namespace fanout::http
