#include <fanout/process/process_pool.hpp>

#include "process/channel/wire.hpp"
#include "process/pool/pool_engine.hpp"
#include "process/pool/pool_run.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

namespace fanout {
namespace {

/// A client with one task.
class single_call final : public detail::pool_client {
 public:
  single_call(std::weak_ptr<detail::pool_engine> pool, std::uint32_t function)
      : pool_(std::move(pool)), function_(function) {}
  ~single_call() override {
    if (const auto pool = pool_.lock()) pool->release(function_);
  }

  void on_results(const detail::result_batch& run) override {
    outcome<std::string> got = with(run.facts(0));
    detail::outcome_access::succeed(got, run.value(0));
    call->end(std::move(got));
  }
  void on_failure(const outcome_facts& facts, failure reason) override {
    outcome<std::string> got = with(facts);
    if (reason.elapsed.count() == 0) reason.elapsed = facts.elapsed();
    detail::outcome_access::fail(got, std::move(reason));
    call->end(std::move(got));
  }

  std::uint32_t function() const noexcept { return function_; }

  std::shared_ptr<detail::pool_call> call;

 private:
  static outcome<std::string> with(const outcome_facts& facts) {
    outcome<std::string> got;
    static_cast<outcome_facts&>(got) = facts;
    return got;
  }

  std::weak_ptr<detail::pool_engine> pool_;
  std::uint32_t function_;
};

}  // namespace

process_pool::process_pool(const process_pool_options& how) {
  detail::installed_worker_backend();  // throws without fanout::init
  engine_ = std::make_shared<detail::pool_engine>(how);
  backend_ = std::make_shared<detail::pool_backend>(*engine_);
}

process_pool::~process_pool() {
  if (!engine_->forked()) {
    kill();
    return;
  }
  detail::pool_engine::keep(std::move(engine_));
}

options process_pool::with(options how) {
  how.shape = engine_->shape();
  how.backend = backend(*backend_);
  return how;
}

namespace {

std::shared_ptr<single_call> make_single_call(const std::shared_ptr<detail::pool_engine>& engine,
                                              std::uint32_t function) {
  const std::weak_ptr<detail::pool_engine> pool = engine;
  const auto client = std::make_shared<single_call>(pool, function);
  client->call = std::make_shared<detail::pool_call>([pool, whose = std::weak_ptr(client)](detail::pool_call&) {
    const auto found = pool.lock();
    const auto own = whose.lock();
    if (found && own) found->cancel(*own);
  });
  return client;
}

detail::pool_tasks only_task(std::shared_ptr<single_call> client, std::string argument,
                             const detail::task_terms& terms) {
  detail::pool_tasks tasks;
  tasks.client = std::move(client);
  tasks.inputs.open() = std::move(argument);
  tasks.inputs.close();
  tasks.terms = terms;
  return tasks;
}

/// The call is under way; from here on it is the pool's, together with the channel.
std::shared_ptr<detail::pool_call> go_on_in_pool(const std::shared_ptr<detail::pool_engine>& engine,
                                                 detail::direct_call_channel& channel, std::string argument,
                                                 const detail::task_terms& terms) {
  std::shared_ptr<single_call> client;
  try {
    client = make_single_call(engine, terms.function);
    engine->check_in(channel, only_task(client, std::move(argument), terms));
  } catch (...) {  // no memory: the answer has no caller any more, and must not become the answer of the next call
    engine->abandon(channel);
    if (!client) engine->release(terms.function);
    throw;
  }
  return client->call;
}

/// A call that has ended before it began.
std::shared_ptr<detail::pool_call> refused_call(failure reason) {
  const auto call = std::make_shared<detail::pool_call>([](detail::pool_call&) {});
  outcome<std::string> ended;
  ended.started = ended.finished = outcome_facts::clock::now();
  detail::outcome_access::fail(ended, std::move(reason));
  call->end(std::move(ended));
  return call;
}

}  // namespace

std::shared_ptr<detail::pool_call> process_pool::start(encoded_call made) {
  detail::check_shape(engine_->shape(), made.coroutine, true);
  auto& [argument, refused] = made.argument;
  if (!refused && argument.size() > detail::max_value_bytes) refused = detail::too_large_to_send();
  if (refused) return refused_call(*std::move(refused));
  const auto client =
      make_single_call(engine_, engine_->acquire({std::string(made.function), std::move(made.context)}));
  const auto limit = made.how.timeout.count() > 0 ? made.how.timeout : engine_->default_limit();
  auto tasks = only_task(client, std::move(argument), {client->function(), limit});
  if (!engine_->submit(tasks)) throw error(failure_kind::refused_by_policy, "the pool of worker processes was closed");
  return client->call;
}

std::string process_pool::call_and_wait(encoded_call made) {
  detail::begun_call begun = begin_call(std::move(made));
  if (begun.under_way) {
    begun.under_way->wait();
    return begun.under_way->result();
  }
  if (begun.failed) detail::throw_failure(*begun.failed);
  return std::move(begun.result);
}

detail::begun_call process_pool::begin_call(encoded_call made) {
  engine_->require_own_process();
  auto& [argument, refused] = made.argument;
  detail::direct_call_channel* const channel =
      !refused && argument.size() <= detail::direct_call_channel::most_argument_bytes &&
              made.context.size() <= detail::max_value_bytes
          ? engine_->check_out()
          : nullptr;
  detail::begun_call begun;
  if (!channel) {
    begun.under_way = start(std::move(made));
    return begun;
  }
  const auto started = outcome_facts::clock::now();
  std::uint32_t number = 0;
  detail::task_terms terms;
  auto answer = detail::direct_call_channel::answer::none;
  try {
    number = engine_->acquire({std::string(made.function), made.context});
    if (!channel->knows(number)) channel->tell_of(number, {std::string(made.function), made.context});
    terms = {number, made.how.timeout.count() > 0 ? made.how.timeout : engine_->default_limit()};
    answer = channel->call(terms, argument, begun.result);
  } catch (...) {  // of memory: there was no call
    engine_->check_in(*channel);
    if (number != 0) engine_->release(number);
    throw;
  }
  if (answer == detail::direct_call_channel::answer::none) {
    begun.under_way = go_on_in_pool(engine_, *channel, std::move(argument), terms);
    return begun;
  }
  engine_->check_in(*channel);
  engine_->release(number);
  if (answer == detail::direct_call_channel::answer::failure) {
    begun.failed = detail::decode_failure(begun.result);
    if (begun.failed->elapsed.count() == 0) begun.failed->elapsed = outcome_facts::clock::now() - started;
  }
  return begun;
}

void process_pool::close() {
  engine_->close(detail::pool_engine::closing::drain);
}
void process_pool::stop() {
  engine_->close(detail::pool_engine::closing::stop);
}
void process_pool::kill() {
  engine_->close(detail::pool_engine::closing::kill);
}

report process_pool::report() const {
  return engine_->report();
}

}  // namespace fanout
