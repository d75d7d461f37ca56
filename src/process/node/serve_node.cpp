#include <fanout/process/nodes.hpp>

#include "process/node/message_pipe.hpp"
#include "process/node/node_job.hpp"
#include "process/node/node_message.hpp"

#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace fanout {
namespace {

using namespace detail;

/// The runs of a node.
class node_service {
 public:
  explicit node_service(node_channel& engine) : engine_(engine) {}

  void take(std::string bytes) {
    std::uint64_t run = 0;
    if (!is_node_message(bytes, run))
      throw error(failure_kind::protocol, "bytes that are no message of an engine came to a node");
    const auto message = std::make_shared<const std::string>(std::move(bytes));
    node_header header;
    header.run = run;
    try {
      std::string_view body = *message;
      header = take_header(body);
      act_on(header, body, message);
    } catch (const std::exception& why) {
      jobs_.erase(run);
      header.build = own_build();
      send(encode_refused(header, why.what()));
    }
    std::erase_if(jobs_, [](const auto& each) { return each.second->over(); });
  }

 private:
  void act_on(const node_header& header, std::string_view body, const std::shared_ptr<const std::string>& message) {
    if (const std::string why = mismatch(header, "engine"); !why.empty()) throw error(failure_kind::protocol, why);
    if (header.type == node_message::open) return open(header, decode_open(body));
    const auto found = jobs_.find(header.run);
    if (found == jobs_.end() || found->second->over()) return;  // it was refused, and the engine does not know it yet
    node_job& job = *found->second;
    switch (header.type) {
      case node_message::inputs:
        if (header.function != job.function()) throw error(failure_kind::protocol, "a batch is for another function");
        return job.add(message, decode_inputs(body));
      case node_message::finish:
        return job.finish();
      case node_message::cancel:
        return job.cancel();
      default:
        throw error(failure_kind::protocol, "an engine sent what only nodes send");
    }
  }

  void open(const node_header& header, const node_terms& terms) {
    if (jobs_.contains(header.run)) throw error(failure_kind::protocol, "a run was begun twice");
    node_header own = header;
    own.build = own_build();
    auto job = std::make_unique<node_job>(own, terms, [this](std::string reply) { send(std::move(reply)); });
    send(encode_ready(own, job->places()));
    job->start();
    jobs_.emplace(header.run, std::move(job));
  }

  void send(std::string message) {
    const std::lock_guard lock(sending_);
    engine_.send(std::move(message));
  }

  node_channel& engine_;
  std::mutex sending_;
  std::map<std::uint64_t, std::unique_ptr<node_job>> jobs_;  ///< last: they send
};

}  // namespace

void serve_node(node_channel& engine) {
  node_service service(engine);
  while (auto message = engine.receive()) service.take(*std::move(message));
}

void serve_node(owned_descriptor from_engine, owned_descriptor to_engine) {
  message_pipe pipe(std::move(from_engine), std::move(to_engine));
  class channel final : public node_channel {
   public:
    explicit channel(message_pipe& pipe) : pipe_(pipe) {}
    std::optional<std::string> receive() override { return pipe_.receive(); }
    void send(std::string message) override { pipe_.send(std::move(message)); }

   private:
    message_pipe& pipe_;
  } engine(pipe);
  serve_node(engine);
  pipe.end();
  pipe.wait_sent();
}

}  // namespace fanout
