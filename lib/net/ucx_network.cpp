// The network over UCX: channels of one rank of a communicator.
//
// Each post is one message: header, bytes, and the word that publishes them, which the receiving
// side stores when the bytes are in place. UCX keeps the order of messages between two engines;
// they are numbered all the same, so that one that is lost ends the communicator.
#include "network.hpp"

#include "joining_interfaces.hpp"
#include "log.hpp"
#include "ucx_engine.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <random>
#include <span>
#include <thread>
#include <utility>

namespace causeway {

namespace {

using Clock = std::chrono::steady_clock;

/// How long the news of a failure may take to spread, and between looks at it.
constexpr std::chrono::seconds kFarewell{2};
constexpr std::chrono::microseconds kPause{100};

/// What ranks tell each other. Plain data.
struct Contact {
  static constexpr std::size_t kMostBytes = 2024;
  std::uint64_t communicator;  ///< rank 0's counts
  std::uint64_t engine;        ///< its number; a process may have several
  std::uint64_t bytes;
  std::byte address[kMostBytes];
};

class UcxNetwork final : public Network, private Receiver {
 public:
  UcxNetwork(const Topology& topology, const NetworkSettings& settings)
      : topology_(topology),
        settings_(settings),
        peers_(static_cast<std::size_t>(topology.size())) {
    post = [](NetworkPort& port, const device::NetworkPost& what) {
      auto& self = static_cast<UcxNetwork&>(port);
      const std::lock_guard lock(self.engine_->mutex);
      self.send_post(what);
    };
    drive = [](NetworkPort& port) {
      UcxEngine& engine = *static_cast<UcxNetwork&>(port).engine_;
      const std::unique_lock lock(engine.mutex, std::try_to_lock);
      if (lock.owns_lock()) engine.progress();
    };
  }

  ~UcxNetwork() override { leave(); }

  Status set_up(Bootstrap& bootstrap, DeviceMemory& backend) {
    std::string interfaces;
    CAUSEWAY_TRY(choose_interfaces(bootstrap, topology_, UcxWorker::is_told_devices, &interfaces));
    Contact mine{};
    CAUSEWAY_TRY(allgather(
        bootstrap, [&] { return prepare(backend, interfaces, &mine); }, mine, &contacts_));
    communicator_ = contacts_.front().communicator;
    // Nobody sends before everybody can take.
    return agree(bootstrap, [&]() -> Status {
      const std::lock_guard lock(engine_->mutex);
      engine_->enter(communicator_, own_rank(), this);
      entered_ = true;
      return {};
    });
  }

  void on_failure(std::function<void(Failure)> tell, std::function<std::uint64_t()> seen) override {
    const std::lock_guard lock(engine_->mutex);
    tell_ = std::move(tell);
    seen_ = std::move(seen);
    if (failure_ != 0) tell_(Failure::from(failure_));
  }

  void wake() override { engine_->wake(); }

  void await_spread() override {
    if (std::exchange(awaited_, true)) return;
    const auto deadline = Clock::now() + kFarewell;
    for (bool done = false; !done && Clock::now() < deadline;) {
      {
        const std::lock_guard lock(engine_->mutex);
        engine_->progress();
        done = std::ranges::all_of(topology_.remote_ranks(), [this](int rank) {
          const Peer& peer = peer_of(rank);
          return peer.tells || peer.departed || (peer.broken && peer.news == nullptr);
        });
      }
      if (!done) std::this_thread::sleep_for(kPause);
    }
  }

  void leave() override {
    if (!std::exchange(entered_, false)) return;
    const std::lock_guard lock(engine_->mutex);
    engine_->progress();
    MessageHeader header{};
    header.kind = MessageKind::kDepart;
    for (const int rank : topology_.remote_ranks()) {
      const Peer& peer = peer_of(rank);
      if (peer.endpoint != nullptr || peer.received != 0) send(rank, header, nullptr);
    }
    engine_->leave(communicator_, own_rank());
    engine_->progress();
    engine_->wake();
  }

 private:
  struct Peer {
    bool remote = false;
    Endpoint* endpoint = nullptr;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool departed = false;
    bool broken = false;
    bool tells = false;                ///< of a failure
    std::unique_ptr<UcxMessage> news;  ///< what will tell it of a failure
    bool asks = false;                 ///< for a sign of life
    Clock::time_point asked{};         ///< when one was asked for that has not come
    Clock::time_point answered{};      ///< when the last one came
  };

  std::uint32_t own_rank() const { return static_cast<std::uint32_t>(topology_.rank()); }
  const Contact& contact(int rank) const { return contacts_[static_cast<std::size_t>(rank)]; }
  Peer& peer_of(int rank) { return peers_[static_cast<std::size_t>(rank)]; }

  // Setting up.

  Status prepare(DeviceMemory& backend, const std::string& interfaces, Contact* mine) try {
    CAUSEWAY_TRY(UcxEngine::get(interfaces, &engine_));
    const auto address = engine_->address();
    if (address.size() > sizeof mine->address) {
      return Status::error(
          ErrorKind::kSystem,
          "the UCX address takes %zu bytes, more than %zu: choose fewer transports "
          "or devices (UCX_TLS, UCX_NET_DEVICES)",
          address.size(), sizeof mine->address);
    }
    std::random_device source;
    mine->communicator = (std::uint64_t{source()} << 32) | source();
    mine->engine = engine_->number();
    mine->bytes = address.size();
    std::ranges::copy(address, mine->address);
    MessageHeader news{};
    news.kind = MessageKind::kFailure;
    for (const int rank : topology_.remote_ranks()) {
      peer_of(rank).remote = true;
      peer_of(rank).news = std::make_unique<UcxMessage>(news);
    }
    return make_blocks(topology_, settings_, backend);
  } catch (const std::bad_alloc&) {
    return {ErrorKind::kSystem, "out of memory for the network"};
  }

  // Sending. From here on the engine's mutex is held.

  void send_post(const device::NetworkPost& what) {
    MessageHeader header{};
    header.kind = MessageKind::kPost;
    header.post = what;
    const int rank = static_cast<int>(what.peer);
    send(rank, header,
         blocks_.ring(rank, what.lane, what.outgoing != 0) - device::NetworkPost::kRing);
  }

  /// A header and what its ranges name of a block. Where there is no memory for it the link is
  /// broken: callers are devices and UCX's callbacks, which nothing may pass.
  void send(int rank, const MessageHeader& header, const std::byte* block) {
    if (peer_of(rank).broken) return;
    try {
      auto message = std::make_unique<UcxMessage>(header);
      for (std::uint32_t i = 0; i < header.post.ranges; ++i) {
        const device::NetworkPost::Range& range = header.post.range[i];
        message->add(block + range.offset, range.bytes);
      }
      message->owner = blocks_.owner();
      send(rank, message);
    } catch (const std::bad_alloc&) {
      break_link(rank, "there is no memory for a message to it");
    }
  }

  /// Connects on first use.
  void send(int rank, std::unique_ptr<UcxMessage>& message) {
    Peer& peer = peer_of(rank);
    if (peer.endpoint == nullptr) {
      const Contact& to = contact(rank);
      peer.endpoint =
          &engine_->connect(engine_->number(), to.engine, std::span(to.address, to.bytes));
    }
    MessageHeader& header = message->header;
    header.communicator = communicator_;
    header.source = own_rank();
    header.target = static_cast<std::uint32_t>(rank);
    header.number = peer.sent;
    engine_->send(*peer.endpoint, message);
    ++peer.sent;
  }

  bool settle() override {
    bool moved = false;
    for (device::NetworkPost due; blocks_.take(&due); moved = true) send_post(due);
    if (std::exchange(asked_, false)) {
      moved = true;
      for (const int rank : topology_.remote_ranks()) {
        MessageHeader answer{};
        answer.kind = MessageKind::kPong;
        if (std::exchange(peer_of(rank).asks, false)) send(rank, answer, nullptr);
      }
    }
    if (failure_ == 0 && seen_) failure_ = seen_();
    if (failure_ != 0 && !told_) moved = tell_peers() || moved;
    return moved;
  }

  /// Tells of the failure, also over links that it broke; whether anybody was told. Peers whom
  /// there was no memory to connect to are told later.
  bool tell_peers() {
    bool moved = false;
    told_ = true;
    for (const int rank : topology_.remote_ranks()) {
      Peer& peer = peer_of(rank);
      if (peer.news == nullptr || peer.departed) continue;
      peer.news->header.post.value = failure_;
      try {
        send(rank, peer.news);
        peer.news.reset();
        moved = true;
      } catch (const std::bad_alloc&) {
        told_ = false;
      }
    }
    return moved;
  }

  bool busy() override { return expects_posts(); }

  // Taking.

  void take(const MessageHeader& header, const std::byte* data, std::size_t bytes) override {
    const int source = static_cast<int>(header.source);
    if (header.source >= peers_.size() || !peer_of(source).remote) return;
    Peer& peer = peer_of(source);
    if (peer.broken) return;
    if (header.number != peer.received++) {
      break_link(source, "a message was lost, or overtook another");
      return;
    }
    switch (header.kind) {
      case MessageKind::kPost:
        if (!blocks_.store(source, header.post, data, bytes)) {
          break_link(source, "a message does not fit the channel that it names");
        }
        break;
      case MessageKind::kPing:
        peer.asks = asked_ = true;
        break;
      case MessageKind::kPong:
        peer.answered = Clock::now();
        peer.asked = {};
        break;
      case MessageKind::kFailure:
        peer.tells = true;
        fail(header.post.value);
        break;
      case MessageKind::kDepart:
        peer.departed = true;
        break;
    }
  }

  // Failing.

  /// Has the ranks of this host told of a failure, and then those of others; the first one counts.
  void fail(std::uint64_t failure) {
    if (failure_ == 0) failure_ = failure;
    if (tell_) tell_(Failure::from(failure));
  }

  void lose_from(std::uint64_t engine, const char* why) override {
    for (const int rank : topology_.remote_ranks()) {
      if (contact(rank).engine == engine) break_link(rank, why);
    }
  }

  void lose(const Endpoint& endpoint, const char* why) override {
    for (const int rank : topology_.remote_ranks()) {
      if (peer_of(rank).endpoint == &endpoint) break_link(rank, why);
    }
  }

  void break_link(int rank, const char* why) {
    Peer& peer = peer_of(rank);
    if (std::exchange(peer.broken, true) || peer.departed) return;
    log(LogLevel::kError, "rank %d: the network link to rank %d on %s is broken: %s",
        topology_.rank(), rank, topology_.place(rank).host_name, why);
    fail(Failure{device::Fault::kLinkFailed, topology_.rank(), rank}.word());
  }

  /// Asks peers that are in use for signs of life, and takes a link for broken when none comes.
  void watch() override {
    if (settings_.link_timeout_seconds == 0) return;
    const auto now = Clock::now();
    const std::chrono::duration<double> patience(
        static_cast<double>(settings_.link_timeout_seconds));
    for (const int rank : topology_.remote_ranks()) {
      Peer& peer = peer_of(rank);
      if (peer.endpoint == nullptr || peer.broken || peer.departed) continue;
      if (peer.asked != Clock::time_point{}) {
        if (now - peer.asked > patience) break_link(rank, "it does not answer");
      } else if (now - peer.answered > patience / 8) {
        peer.asked = now;
        MessageHeader question{};
        question.kind = MessageKind::kPing;
        send(rank, question, nullptr);
      }
    }
  }

  const Topology& topology_;
  const NetworkSettings settings_;
  UcxEngine* engine_ = nullptr;
  std::uint64_t communicator_ = 0;
  bool entered_ = false;           ///< the engine knows this
  std::vector<Contact> contacts_;  ///< by rank
  std::vector<Peer> peers_;        ///< by rank
  std::function<void(Failure)> tell_;
  std::function<std::uint64_t()> seen_;
  std::uint64_t failure_ = 0;  ///< that was, as a word
  bool asked_ = false;         ///< a peer asks for a sign of life
  bool told_ = false;          ///< all other hosts' ranks of the failure
  bool awaited_ = false;       ///< that they know of it
};

}  // namespace

bool Network::available() { return true; }

NetworkFacts Network::facts() {
  UcxWorker worker;
  const Status found = worker.look();
  NetworkFacts facts{{}, found.message(), {}, {}};
  const UcxLibrary* ucx = nullptr;
  if (UcxLibrary::load(&ucx).ok()) facts.version = ucx->version();
  if (found.ok()) worker.describe(&facts);
  return facts;
}

Status Network::create(Bootstrap& bootstrap, const Topology& topology,
                       const NetworkSettings& settings, DeviceMemory& backend,
                       std::unique_ptr<Network>* network) {
  std::unique_ptr<UcxNetwork> made;
  CAUSEWAY_TRY(agree(bootstrap, [&]() -> Status {
    made = std::make_unique<UcxNetwork>(topology, settings);
    return {};
  }));
  CAUSEWAY_TRY(made->set_up(bootstrap, backend));
  *network = std::move(made);
  return {};
}

}  // namespace causeway
