#include <fanout/base/deadline.hpp>

#include <algorithm>

namespace fanout {

deadline_entry::~deadline_entry() {
  if (list_) list_->disarm(*this);
}

deadline_list::deadline_list(asio::io_context& loop)
    : timer_(loop.get_executor()), alive_(std::make_shared<bool>(true)) {}

deadline_list::~deadline_list() {
  *alive_ = false;
  while (first_) unlink(*first_);
  while (due_) unlink(*due_);
}

void deadline_list::arm(deadline_entry& entry, clock::time_point deadline) {
  if (entry.list_ != this) {
    if (entry.list_) entry.list_->disarm(entry);
    link(entry, first_);
  }
  entry.deadline_ = deadline;
  if (deadline < wake_) wake_at(deadline);
}

void deadline_list::disarm(deadline_entry& entry) noexcept {
  if (entry.list_ != this) return;
  unlink(entry);
  if (size_ == 0 && wake_ != clock::time_point::max()) {
    wake_ = clock::time_point::max();
    timer_.cancel();
  }
}

void deadline_list::link(deadline_entry& entry, deadline_entry*& head) noexcept {
  entry.list_ = this;
  entry.previous_ = nullptr;
  entry.next_ = head;
  if (head) head->previous_ = &entry;
  head = &entry;
  ++size_;
}

void deadline_list::unlink(deadline_entry& entry) noexcept {
  if (entry.previous_)
    entry.previous_->next_ = entry.next_;
  else
    (first_ == &entry ? first_ : due_) = entry.next_;
  if (entry.next_) entry.next_->previous_ = entry.previous_;
  entry.list_ = nullptr;
  entry.previous_ = entry.next_ = nullptr;
  --size_;
}

void deadline_list::wake_at(clock::time_point when) {
  wake_ = when;
  timer_.expires_at(when);
  timer_.async_wait([this, alive = alive_](boost::system::error_code failed) {
    if (!failed && *alive) sweep();
  });
}

// Expires what is due, then sleeps until the earliest of what is left. `on_deadline` may arm, disarm or destroy any
// entry, so what is due is moved to a list of its own first and taken from there one by one: an iterator over `first_`
// would be left dangling, and starting again after every call is quadratic when a whole burst expires at once.
void deadline_list::sweep() {
  wake_ = clock::time_point::min();  // keeps arm() from setting the timer while we scan
  const auto now = clock::now();
  for (deadline_entry* entry = first_; entry;) {
    deadline_entry* const next = entry->next_;
    if (entry->deadline_ <= now) {
      unlink(*entry);
      link(*entry, due_);
    }
    entry = next;
  }
  const auto alive = alive_;
  while (due_) {
    deadline_entry& entry = *due_;
    unlink(entry);
    if (entry.deadline_ > now) {  // moved by an earlier on_deadline()
      link(entry, first_);
      continue;
    }
    entry.on_deadline();
    if (!*alive) return;
  }
  wake_ = clock::time_point::max();
  if (!first_) return;
  auto earliest = clock::time_point::max();
  for (const deadline_entry* entry = first_; entry; entry = entry->next_)
    earliest = std::min(earliest, entry->deadline_);
  if (earliest == clock::time_point::max()) return;  // which never passes: it needs no timer
  wake_at(std::max(earliest, now + granularity));
}

}  // namespace fanout
