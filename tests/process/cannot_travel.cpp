// Programs that must not compile; check_refusals.sh compiles them, one by one, and looks for the explanation that
// stands behind each.

#include <fanout/process/process_pool.hpp>
#include <fanout/process/to_process.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct own_type {
  std::string name;
};
struct no_default {
  explicit no_default(int value) : x(value) {}
  int x;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x);
  }
};
struct written_twice {
  int x = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x);
  }
};
template <class Archive>
void serialize(Archive& archive, written_twice& value) {
  archive(value.x);
}
struct with_a_pointer {
  int* x = nullptr;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x);
  }
};
struct with_own_type {
  own_type x;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x);
  }
};
struct account {
  int cents = 0;
  int withdraw(int paid) { return cents -= paid; }
  int balance() const volatile { return cents; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cents);
  }
};
struct settings {
  int limit = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(limit);
  }
};

int takes_own_type(const own_type&) {
  return 0;
}
own_type returns_own_type(int) {
  return {};
}
int needs_own_type(const own_type&, int x) {
  return x;
}
int takes_both(int x, const own_type&) {
  return x;
}
int takes_many(const std::vector<std::pair<int, own_type>>&) {
  return 0;
}
int takes_owned(const std::unique_ptr<own_type>&) {
  return 0;
}
int takes_no_default(const no_default&) {
  return 0;
}
int takes_written_twice(const written_twice&) {
  return 0;
}
int takes_text(const char*) {
  return 0;
}
const char* returns_text(int) {
  return "";
}
std::string_view returns_view(int) {
  return "";
}
int writes(std::string& text) {
  text.clear();
  return 0;
}
int writes_second(int x, std::string& text) {
  text.clear();
  return x;
}
int takes_views(const std::vector<std::string_view>&) {
  return 0;
}
int takes_pointer_inside(const with_a_pointer&) {
  return 0;
}
int takes_own_type_inside(const with_own_type&) {
  return 0;
}
int variadic(int x, ...) {
  return x;
}
int fetch(const settings& how, const std::string& url) {
  return how.limit + static_cast<int>(url.size());
}
int view_first(std::string_view how, int x) {
  return static_cast<int>(how.size()) + x;
}
int one(int x) {
  return x;
}
int none() {
  return 0;
}

int main() {
  fanout::process_pool pool;
  [[maybe_unused]] const std::vector<std::string> urls{"a"};
  [[maybe_unused]] const int captured = 1;
  [[maybe_unused]] const fanout::options how(fanout::processes(2));
  [[maybe_unused]] const auto sink = [](const fanout::outcome<int>&) {};
#if REFUSAL == 1  // the input of this remote function cannot travel.*a member.*or a free
  pool.submit(fanout::remote<takes_own_type>, own_type{});
#elif REFUSAL == 2   // the result of this remote function cannot travel.*give its type a member
  fanout::map(how, fanout::remote<returns_own_type>, std::vector{1});
#elif REFUSAL == 3   // the first parameter of this remote function cannot travel.*give its type a member
  pool.submit(fanout::remote<needs_own_type>.with(own_type{}), 1);
#elif REFUSAL == 4   // a parameter of this remote function cannot travel.*give its type a member
  pool.submit(fanout::remote<takes_both>, 1, own_type{});
#elif REFUSAL == 5   // the input of this remote function cannot travel
  pool.call(fanout::remote<takes_many>, {});
#elif REFUSAL == 6   // the input of this remote function cannot travel
  pool.map(fanout::remote<takes_owned>, std::vector<std::unique_ptr<own_type>>());
#elif REFUSAL == 7   // the input of this remote function cannot travel.*and a default constructor
  pool.submit(fanout::remote<takes_no_default>, no_default(1));
#elif REFUSAL == 8   // the input of this remote function cannot travel.*one of these
  pool.submit(fanout::remote<takes_written_twice>, written_twice());
#elif REFUSAL == 9   // a pointer means nothing in another process
  pool.submit(fanout::remote<takes_text>, "a");
#elif REFUSAL == 10  // a pointer means nothing in another process
  pool.map(fanout::remote<returns_text>, {1});
#elif REFUSAL == 11  // the result of a remote function has to own
  pool.submit(fanout::remote<returns_view>, 1);
#elif REFUSAL == 12  // is a reference that it could write to
  fanout::map(how, fanout::remote<writes>, urls);
#elif REFUSAL == 13  // is a reference that it could write to
  pool.call(fanout::remote<writes_second>, 1, "a");
#elif REFUSAL == 14  // the input of this remote function cannot travel
  pool.submit(fanout::remote<takes_views>, {});
#elif REFUSAL == 15  // a member of a type that travels.*cannot travel itself
  pool.submit(fanout::remote<takes_pointer_inside>, with_a_pointer());
#elif REFUSAL == 16  // a member of a type that travels.*give its type a member
  pool.submit(fanout::remote<takes_own_type_inside>, with_own_type());
#elif REFUSAL == 17  // remote<f> takes a function.*none with C varargs
  pool.submit(fanout::remote<variadic>, 1);
#elif REFUSAL == 18  // remote<f> takes a function.*volatile
  pool.submit(fanout::remote<&account::balance>, account());
#elif REFUSAL == 19  // each input is one value: bind the first.*fanout::remote<f>.with.value
  fanout::map(how, fanout::remote<fetch>, urls);
#elif REFUSAL == 20  // each input is one value: bind the first.*fanout::remote<f>.with.value
  pool.map(fanout::remote<fetch>, urls);
#elif REFUSAL == 21  // each input is one value: bind the first.*fanout::remote<f>.with.value
  pool.for_each_completed(fanout::remote<fetch>, urls, sink);
#elif REFUSAL == 22  // each input is one value: bind the first.*fanout::remote<f>.with.value
  fanout::for_each_in_order(how, fanout::remote<fetch>, urls, sink);
#elif REFUSAL == 23  // does not have a value.*for each parameter.*fanout::remote<f>.with
  pool.submit(fanout::remote<fetch>, "a");
#elif REFUSAL == 24  // does not have a value.*for each parameter
  pool.call(fanout::remote<one>, urls);
#elif REFUSAL == 25  // does not have a value.*for each parameter
  auto call = fanout::to_process(fanout::remote<fetch>, urls[0]);
#elif REFUSAL == 26  // does not have a value.*for each parameter
  auto call = fanout::to_process(pool, fanout::remote<fetch>, urls[0]);
#elif REFUSAL == 27  // a closure or a plain function.*fanout::remote<f>
  pool.submit([&](int x) { return x + captured; }, 1);
#elif REFUSAL == 28  // a closure or a plain function.*fanout::remote<f>
  pool.map([&](int x) { return x + captured; }, {1, 2});
#elif REFUSAL == 29  // a closure or a plain function.*fanout::remote<f>
  pool.call(one, 1);
#elif REFUSAL == 30  // a closure or a plain function.*fanout::remote<f>
  auto call = fanout::to_process(one, 1);
#elif REFUSAL == 31  // the inputs are of a type that this remote function does not take
  pool.map(fanout::remote<one>, urls);
#elif REFUSAL == 32  // the inputs do not have an element for each parameter
  pool.map(fanout::remote<fetch>, {std::pair(1, 2)});
#elif REFUSAL == 33  // this remote function takes nothing
  pool.map(fanout::remote<none>, urls);
#elif REFUSAL == 34  // the task cannot be called with these inputs
  fanout::map(fanout::threads(2), one, urls);
#elif REFUSAL == 35  // a first parameter that is bound has to own
  pool.submit(fanout::remote<view_first>.with("a"), 1);
#elif REFUSAL == 36  // a first parameter that is bound is shared by all calls
  pool.submit(fanout::remote<&account::withdraw>.with(account()), 1);
#elif REFUSAL == 37  // the value to be bound is not what the first parameter
  pool.submit(fanout::remote<fetch>.with(1), "a");
#elif REFUSAL == 38  // no parameter that could be bound
  pool.submit(fanout::remote<none>.with(1));
#endif
}
