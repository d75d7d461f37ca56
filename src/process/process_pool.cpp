#include <fanout/process/process_pool.hpp>

#include "process/pool_engine.hpp"
#include "process/wire.hpp"

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

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

  void on_result(const outcome_facts& facts, std::string_view encoded) override {
    outcome<std::string> got = with(facts);
    got.succeed(encoded);
    call->end(std::move(got));
  }
  void on_failure(const outcome_facts& facts, failure reason) override {
    outcome<std::string> got = with(facts);
    if (reason.elapsed.count() == 0) reason.elapsed = facts.elapsed();
    got.fail(std::move(reason));
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
}

process_pool::~process_pool() {
  kill();
}

options process_pool::with(options how) {
  how.shape = engine_->shape();
  how.pool = engine_.get();
  return how;
}

std::shared_ptr<detail::pool_call> process_pool::start(detail::remote_callable function, bool coroutine,
                                                       std::string argument, submit_options how) {
  detail::check_shape(engine_->shape(), coroutine, true);
  if (argument.size() > detail::max_value_bytes) throw error(detail::too_large_to_travel());
  const std::weak_ptr<detail::pool_engine> pool = engine_;
  const auto client = std::make_shared<single_call>(pool, engine_->acquire(std::move(function)));
  client->call = std::make_shared<detail::pool_call>([pool, whose = std::weak_ptr(client)](detail::pool_call&) {
    const auto found = pool.lock();
    const auto own = whose.lock();
    if (found && own) found->cancel(*own);
  });
  const auto limit = how.timeout.count() > 0 ? how.timeout : engine_->default_limit();
  std::vector<detail::pool_task> tasks;
  tasks.push_back({client, 0, std::move(argument), {client->function(), limit}});
  if (!engine_->submit(tasks)) throw error(failure_kind::refused_by_policy, "the pool of worker processes was closed");
  return client->call;
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
