#include <fanout/fetch/sinks.hpp>

#include "fetch/bodies/temporary_bodies.hpp"

#include <memory>

namespace fanout::fetch {
namespace {

/// Moved, where no sink after this one wants it.
std::string body_of(finished& each) {
  if (!each.result.body) return {};
  if (each.last_with_body) return std::move(*each.result.body);
  return *each.result.body;
}

/// Whether the response came in full; one with a status of 400 and above did.
bool is_whole(const record& result) {
  return !result.error || *result.error == failure_kind::status;
}

}  // namespace

void json_lines::take(finished& each, writer& to) {
  any_ = true;
  to.append(to_, [&](std::string& text) { append_json(text, each.index, each.asked, each.result, each.file, with_); });
}

void readable_lines::take(finished& each, writer& to) {
  any_ = true;
  to.append(to_, [&](std::string& text) { append_readable(text, each.asked, each.result); });
}

body_output::body_output(std::string path, body_output_options with) : path_(std::move(path)), with_(with) {
  detail::part_file::check(path_);
}

void body_output::take(finished& each, writer& to) {
  (is_whole(each.result) && (each.result.body || !each.temporary.empty()) ? whole_ : broken_) = true;
  each.file = path_ == "-" ? std::string() : each.result.file.str();
  if (!each.result.body && each.temporary.empty() && (!with_.with_heads || each.result.heads_written)) return;
  if (!to_) to_.emplace(output::create(path_));
  if (with_.with_heads && !each.result.heads_written)
    to.append(*to_, [&](std::string& text) { text += each.result.heads; });
  if (each.result.body) to.write(*to_, body_of(each));
  if (!each.temporary.empty()) to.add(0, [this, path = each.temporary] { detail::move_into(path, *to_); });
}

void body_output::close() {
  if (to_) whole_ && !broken_ ? to_->close() : to_->abandon();
}

void head_output::take(finished& each, writer& to) {
  (is_whole(each.result) ? whole_ : broken_) = true;
  if (each.result.status == 0) return;
  to.append(to_, [&](std::string& text) { append_head(text, each.result); });
}

void body_files::take(finished& each, writer& to) {
  each.file = each.result.file;
  if (!each.result.body || each.result.status == 0) return;
  if (each.result.error && *each.result.error != failure_kind::status) return;  // what came of one that was cut
  each.file = body_directory::name_of(each.index);
  const auto body = std::make_shared<const std::string>(body_of(each));  // std::function copies what it holds
  to.add(body->size(), [this, index = each.index, body] { files_.store(index, *body); });
}

}  // namespace fanout::fetch
