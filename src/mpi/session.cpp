#include <fanout/mpi/session.hpp>

#include "mpi/mpi_port.hpp"

#include <mpi.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace fanout::mpi {

struct session::state {
  /// A node, as rank 0 knows it.
  struct slot {
    node_receiver* receiver = nullptr;
    bool in_use = false;  ///< a link has been made, and the node has not said that it has ended
    bool end_sent = false;
    bool gone = false;
  };

  int rank = 0;
  int size = 1;
  bool finalize = false;

  std::mutex mutex;  ///< guards what follows; held while a receiver is called
  std::condition_variable changed;
  std::vector<slot> slots;                                 ///< by rank; the first one is not used
  std::deque<std::pair<message_kind, std::string>> inbox;  ///< of a node

  std::optional<mpi_port> port;

  void on_message(int from, message_kind kind, std::string message);
  void end(int node);
  void abandon(int node);
};

namespace {

/// The text of a shape, without "mpi:".
struct machines_text {
  bool all = false;  ///< each node of the job runs the shape
  fanout::shape shape;
};

machines_text parse_machines(std::string_view text) {
  constexpr std::string_view prefix = "mpi";
  const bool named = text.starts_with(prefix) && (text.size() == prefix.size() || text[prefix.size()] == ':');
  if (text == prefix) return {true, hybrid(64)};
  const fanout::shape shape = parse_shape(named ? text.substr(prefix.size() + 1) : text);
  // Four numbers say how many machines, even if it is one.
  int crosses = 0;
  for (const char each : text) crosses += each == 'x' ? 1 : 0;
  const bool counted = shape.model == model::grid && crosses == 3;
  if (!named && !counted)
    throw std::invalid_argument("'" + std::string(text) + "' names no machines: write MxPxTxC, or mpi: before a shape");
  return {!counted, shape};
}

/// The shape of one of its machines.
fanout::shape local_shape(fanout::shape of) {
  of.tasks /= of.machines;
  of.machines = 1;
  return of;
}

}  // namespace

void session::state::on_message(int from, message_kind kind, std::string message) {
  const std::lock_guard lock(mutex);
  if (rank != 0) {
    inbox.emplace_back(kind, std::move(message));
    changed.notify_all();
    return;
  }
  slot& node = slots[static_cast<std::size_t>(from)];
  switch (kind) {
    case message_kind::data:
      if (node.receiver) node.receiver->on_message(std::move(message));
      return;
    case message_kind::ended:
    case message_kind::bye: {
      node.in_use = false;
      node.gone = node.gone || kind == message_kind::bye;
      node_receiver* const last = std::exchange(node.receiver, nullptr);
      if (last) last->on_end(kind == message_kind::bye ? "its program has ended" : "it has ended");
      changed.notify_all();
      return;
    }
    default:
      return;  // only rank 0 sends these
  }
}

void session::state::end(int node) {
  const std::lock_guard lock(mutex);
  slot& of = slots[static_cast<std::size_t>(node)];
  if (std::exchange(of.end_sent, true) || of.gone) return;
  port->send(node, message_kind::end, {});
}

void session::state::abandon(int node) {
  end(node);
  const std::lock_guard lock(mutex);
  slots[static_cast<std::size_t>(node)].receiver = nullptr;
}

session::session(int& argc, char**& argv) : state_(std::make_shared<state>()) {
  int begun = 0;
  int level = MPI_THREAD_SINGLE;
  MPI_Initialized(&begun);
  if (begun != 0)
    MPI_Query_thread(&level);
  else
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
  state_->finalize = begun == 0;
  if (level < MPI_THREAD_SERIALIZED) {
    if (state_->finalize) MPI_Finalize();
    throw std::runtime_error("this MPI can be called by one thread only; fanout needs MPI_THREAD_SERIALIZED");
  }
  state_->port.emplace();
  state_->rank = state_->port->rank();
  state_->size = state_->port->size();
  state_->slots.resize(static_cast<std::size_t>(state_->size));
  state* const self = state_.get();
  state_->port->start(
      [self](int from, message_kind kind, std::string message) { self->on_message(from, kind, std::move(message)); });
}

session::~session() {
  state& own = *state_;
  if (own.rank == 0) {
    for (int node = 1; node < own.size; ++node) own.port->send(node, message_kind::shutdown, {});
    // Until then nodes may send outcomes, which have to be taken from them.
    std::unique_lock lock(own.mutex);
    own.changed.wait(lock, [&] {
      for (int node = 1; node < own.size; ++node)
        if (!own.slots[static_cast<std::size_t>(node)].gone) return false;
      return true;
    });
  } else {
    own.port->send(0, message_kind::bye, {});
  }
  own.port.reset();
  if (own.finalize) MPI_Finalize();
}

int session::rank() const noexcept {
  return state_->rank;
}

std::uint32_t session::node_count() const noexcept {
  return static_cast<std::uint32_t>(state_->size - 1);
}

int session::serve() {
  if (!is_node()) throw std::logic_error("rank 0 runs the program and is no node");
  /// The messages up to the next `end`.
  class channel final : public node_channel {
   public:
    explicit channel(state& of) : of_(of) {}
    std::optional<std::string> receive() override {
      std::unique_lock lock(of_.mutex);
      of_.changed.wait(lock, [&] { return !of_.inbox.empty(); });
      auto [kind, message] = std::move(of_.inbox.front());
      of_.inbox.pop_front();
      shut_down_ = kind == message_kind::shutdown;
      if (kind != message_kind::data) return std::nullopt;
      return std::move(message);
    }
    void send(std::string message) override { of_.port->send(0, message_kind::data, std::move(message)); }
    bool shut_down() const { return shut_down_; }

   private:
    state& of_;
    bool shut_down_ = false;
  };
  for (;;) {
    channel engine(*state_);
    serve_node(engine);
    if (engine.shut_down()) return 0;
    state_->port->send(0, message_kind::ended, {});
  }
}

std::vector<std::unique_ptr<node_link>> session::links(std::uint32_t count) {
  class rank_link final : public node_link {
   public:
    rank_link(std::shared_ptr<state> of, int node) : of_(std::move(of)), node_(node) {}
    rank_link(const rank_link&) = delete;
    rank_link& operator=(const rank_link&) = delete;
    ~rank_link() override { abandon(); }
    void start(node_receiver& to) override {
      const std::lock_guard lock(of_->mutex);
      state::slot& own = of_->slots[static_cast<std::size_t>(node_)];
      if (own.gone)
        to.on_end("its program has ended");
      else
        own.receiver = &to;
    }
    void send(std::string message) override { of_->port->send(node_, message_kind::data, std::move(message)); }
    void end() override { of_->end(node_); }
    void abandon() noexcept override { of_->abandon(node_); }

   private:
    const std::shared_ptr<state> of_;
    const int node_;
  };

  if (is_node()) throw std::logic_error("a node has no nodes");
  if (count == 0 || count > node_count())
    throw std::invalid_argument("the job has " + std::to_string(node_count()) + " nodes (ranks but 0), not " +
                                std::to_string(count));
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] {
    for (std::uint32_t node = 1; node <= count; ++node)
      if (state_->slots[node].in_use) return false;
    return true;
  });
  std::vector<std::unique_ptr<node_link>> links;
  for (std::uint32_t node = 1; node <= count; ++node) {
    state::slot& own = state_->slots[node];
    own.in_use = !own.gone;
    own.end_sent = false;
    links.push_back(std::make_unique<rank_link>(state_, static_cast<int>(node)));
  }
  return links;
}

nodes session::machines(std::string_view text, node_options how) {
  const machines_text wanted = parse_machines(text);
  const std::uint32_t count = wanted.all ? node_count() : wanted.shape.machines;
  how.shape = local_shape(wanted.shape);
  return nodes(how, links(count));
}

nodes session::machines(const shape& shape, node_options how) {
  const std::uint32_t count = shape.machines;
  if (count == 0) throw std::invalid_argument("a shape needs at least 1 of machines, not 0");
  how.shape = local_shape(shape);
  return nodes(how, links(count));
}

}  // namespace fanout::mpi
