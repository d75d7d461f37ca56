#pragma once

#include <fanout/async/detail/child_scope.hpp>
#include <fanout/async/settled.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

/// \file
/// Children whose number is known when they are spawned, with a limit to how many run at the same time.
namespace fanout {

/// How many children of a range are under way at the same time; as many as there are by default. The next one begins
/// when one has ended.
class concurrency_limit {
 public:
  concurrency_limit() = default;
  /// Throws `std::invalid_argument` for 0.
  explicit concurrency_limit(std::size_t children) : children_(children) {
    if (children == 0) throw std::invalid_argument("a concurrency limit of 0 lets nothing run; at least 1 is needed");
  }
  std::size_t children() const noexcept { return children_; }

 private:
  std::size_t children_ = static_cast<std::size_t>(-1);
};

namespace detail {

/// The untyped half. What the end of a child means is up to the classes derived from it.
class child_array : public child_scope {
 public:
  std::size_t size() const noexcept { return size_; }

 protected:
  child_array(asio::any_io_executor executor, std::size_t size, concurrency_limit limit, spawn_site site);
  ~child_array() = default;

  /// Spawns child `index` as `at(index)`.
  virtual void start_child(std::size_t index) = 0;
  /// The end of child `index`.
  virtual void settle(std::size_t index, const std::exception_ptr& failed) = 0;

  void start() override;
  void on_end(child& ended, const std::exception_ptr& failed) override;

  std::size_t begun() const noexcept { return next_; }
  child& at(std::size_t index) { return children_[index]; }
  spawn_site site(std::size_t index) const { return {site_.name, index, site_.where}; }
  /// For a failure that nobody will be thrown. That a cancelled child says so is none.
  void report_unobserved(std::size_t index, const std::exception_ptr& failed);

 private:
  void fill();

  std::unique_ptr<child[]> children_;
  std::size_t size_;
  std::size_t limit_;
  std::size_t next_ = 0;
  std::size_t running_ = 0;
  bool filling_ = false;
  spawn_site site_;
};

/// The first failure cancels the others.
class all_must_succeed : public child_array {
 public:
  /// Throws unless every child has a value.
  void check();

 protected:
  using child_array::child_array;
  /// A failure that was never thrown, because the loop was destroyed before the last child had ended, is told of.
  ~all_must_succeed() { report_unobserved(first_failed_, first_failure_); }
  void settle(std::size_t index, const std::exception_ptr& failed) override;

 private:
  std::size_t succeeded_ = 0;
  std::size_t first_failed_ = 0;
  std::exception_ptr first_failure_;  ///< until it is thrown
};

/// Failures are kept beside the values.
class all_settle : public child_array {
 public:
  /// What child `index` threw; a cancellation if it never began.
  std::exception_ptr failure(std::size_t index) const;

 protected:
  all_settle(asio::any_io_executor executor, std::size_t size, concurrency_limit limit, spawn_site site)
      : child_array(std::move(executor), size, limit, site), failures_(size) {}
  ~all_settle() = default;
  void settle(std::size_t index, const std::exception_ptr& failed) override;
  const std::exception_ptr& thrown(std::size_t index) const { return failures_[index]; }

 private:
  std::vector<std::exception_ptr> failures_;
};

/// The first to end cancels the others.
class first_to_finish : public child_array {
 public:
  /// Index of the winner; throws what it threw.
  std::size_t winner() const;

 protected:
  using child_array::child_array;
  ~first_to_finish() = default;
  void settle(std::size_t index, const std::exception_ptr& failed) override;

 private:
  std::optional<std::size_t> winner_;
  std::exception_ptr failed_;
};

/// The first with a value cancels the others.
class first_to_succeed : public child_array {
 public:
  /// Index of the winner; throws the failures of all where there is none.
  std::size_t winner() const;

 protected:
  using child_array::child_array;
  ~first_to_succeed() = default;
  void settle(std::size_t index, const std::exception_ptr& failed) override;

 private:
  std::optional<std::size_t> winner_;
  std::vector<std::exception_ptr> failures_;
};

/// The typed half for children of one type.
template <class Rule, class T>
class children_of_range final : public Rule {
 public:
  children_of_range(asio::any_io_executor executor, std::vector<task<T>> work, concurrency_limit limit, spawn_site site)
      : Rule(std::move(executor), work.size(), limit, site), work_(std::move(work)), values_(work_.size()) {}

  std::optional<gathered_t<T>>& value(std::size_t index) { return values_[index]; }
  settled<T> take(std::size_t index) {
    std::exception_ptr failed = values_[index] ? nullptr : this->failure(index);
    return {std::move(values_[index]), std::move(failed)};
  }

 private:
  void start_child(std::size_t index) override {
    this->template spawn<T>(this->at(index), std::move(work_[index]), values_[index], this->site(index));
  }

  std::vector<task<T>> work_;
  std::vector<std::optional<gathered_t<T>>> values_;
};

/// The typed half for children of different types.
template <class Rule, class... T>
class children_of_pack final : public Rule {
 public:
  children_of_pack(asio::any_io_executor executor, spawn_site site, task<T>... work)
      : Rule(std::move(executor), sizeof...(T), concurrency_limit(), site), work_(std::move(work)...) {}

  template <std::size_t I>
  auto& value() {
    return std::get<I>(values_);
  }
  template <class U, std::size_t I>
  settled<U> take() {
    auto& place = std::get<I>(values_);
    std::exception_ptr failed = place ? nullptr : this->failure(I);
    return {std::move(place), std::move(failed)};
  }

 private:
  void start_child(std::size_t index) override { start_child(index, std::index_sequence_for<T...>()); }
  template <std::size_t... I>
  void start_child(std::size_t index, std::index_sequence<I...>) {
    ((I == index ? start_this<I>() : void()), ...);
  }
  template <std::size_t I>
  void start_this() {
    using type = std::tuple_element_t<I, std::tuple<task<T>...>>::value_type;
    this->template spawn<type>(this->at(I), std::move(std::get<I>(work_)), std::get<I>(values_), this->site(I));
  }

  std::tuple<task<T>...> work_;
  std::tuple<std::optional<gathered_t<T>>...> values_;
};

}  // namespace detail
}  // namespace fanout
