// A UCX worker of the process, its endpoints and the thread that drives them.
#pragma once

#include "status.hpp"
#include "ucx_worker.hpp"

#include <sys/types.h>
#include <causeway/device/network.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace causeway {

/// What a message is for.
enum class MessageKind : std::uint32_t {
  kPost,     ///< bytes and a word of a channel
  kPing,     ///< asks for a sign of life
  kPong,     ///< gives it
  kFailure,  ///< the communicator has failed: the value is the failure word
  kDepart,   ///< the last message of this rank
};

/// Before the bytes of every message. Ranks of a job run the same build.
struct MessageHeader {
  std::uint64_t communicator;
  std::uint64_t number;  ///< of messages from this source to this target, counted from 0
  std::uint32_t source;  ///< ranks in it
  std::uint32_t target;
  MessageKind kind;
  std::uint32_t unused;
  device::NetworkPost post;  ///< of other kinds than kPost the value alone
};

class UcxEngine;

/// A message until UCX has sent it.
struct UcxMessage {
  explicit UcxMessage(const MessageHeader& first) : header(first) { add(&header, sizeof header); }
  UcxMessage(const UcxMessage&) = delete;
  UcxMessage& operator=(const UcxMessage&) = delete;

  void add(const void* data, std::size_t bytes) {
    piece[count++] = {const_cast<void*>(data), bytes};
  }

  MessageHeader header;
  const UcxLibrary* ucx = nullptr;                           ///< that has it
  std::shared_ptr<void> owner;                               ///< of what the pieces are of
  std::size_t count = 0;                                     ///< of pieces
  ucp_dt_iov_t piece[1 + device::NetworkPost::kMostRanges];  ///< the header is the first
};

/// A message that has begun to come.
struct Arrival {
  std::unique_ptr<std::byte[]> data;
  std::size_t bytes;
  UcxEngine* engine;
  bool complete = false;
};

/// A connection to an engine of another process, opened on first use and kept as long as it works.
/// Messages wait in `queue` until it is open.
struct Endpoint {
  enum class State : std::uint8_t { kWanted, kOpen, kBroken };

  UcxEngine* engine;
  std::uint64_t from;  ///< this engine
  std::vector<std::byte> address;
  /// When it is opened, unless the peer opens it before. Of two engines the one with the lower
  /// number opens, and the other one when it has heard from it or nothing for a while: UCX 1.13
  /// aborts when a peer dies while both connect to each other.
  std::chrono::steady_clock::time_point due;
  State state = State::kWanted;
  ucp_ep_h handle = nullptr;
  std::deque<std::unique_ptr<UcxMessage>> queue;
};

/// What takes messages: one rank's end of a communicator. All is called with the engine's mutex
/// held; the first three also by UCX, and they send nothing. Nothing throws.
class Receiver {
 public:
  virtual void take(const MessageHeader& header, const std::byte* data, std::size_t bytes) = 0;
  virtual void lose(const Endpoint& endpoint, const char* why) = 0;
  /// A message of an engine is lost here, whether or not there is an endpoint to it.
  virtual void lose_from(std::uint64_t engine, const char* why) = 0;
  /// Sends what is due; whether anything was.
  virtual bool settle() = 0;
  /// True while posts may appear without a wake-up (stores by a GPU).
  virtual bool busy() = 0;
  /// Looks after peers; called several times a second.
  virtual void watch() = 0;

 protected:
  ~Receiver() = default;
};

/// One for each choice of interfaces, of which most processes make one. Made on first use and never
/// destroyed: UCX 1.13 aborts when a worker ends while a peer is still connecting to it. The thread
/// ends with the process; in a process that was forked from it there is none, and nothing of the
/// engine is touched.
///
/// A message is one eager tagged message, so that sending never waits for the other side; the tag
/// is the number of the engine that sends it. Active messages would do, but for those UCX sets up
/// a connection in steps of its own, in which UCX 1.13 aborts if the peer dies. The thread sleeps
/// until something comes, or takes short naps while a receiver is busy: a store by a GPU wakes
/// nobody. It answers peers whatever the ranks of this process do.
class UcxEngine {
 public:
  /// The process's engine that listens on `interfaces`, separated by commas, or on all where that
  /// is empty and neither the user nor MPI names some. Where it cannot be made, nothing is left of
  /// it, and the next call tries again.
  static Status get(const std::string& interfaces, UcxEngine** engine);

  std::span<const std::byte> address() const { return worker_.address(); }

  /// Random, of all engines of a job this one's.
  std::uint64_t number() const { return number_; }

  // With `mutex` held:

  void enter(std::uint64_t communicator, std::uint32_t rank, Receiver* receiver) {
    receivers_[{communicator, rank}] = receiver;
  }
  void leave(std::uint64_t communicator, std::uint32_t rank) {
    receivers_.erase({communicator, rank});
  }

  /// The endpoint of engine `to`, at a UCX address, for engine `from`, this one. Engines are
  /// known by random numbers.
  Endpoint& connect(std::uint64_t from, std::uint64_t to, std::span<const std::byte> address);

  /// Sends a message. When it fails, receivers are told. Where it throws std::bad_alloc the message
  /// is still the caller's.
  void send(Endpoint& endpoint, std::unique_ptr<UcxMessage>& message);

  /// Moves on what is under way; whether anything was. Does not throw.
  bool progress();

  /// Makes the thread look, after something was sent from another.
  void wake();

  std::mutex mutex;  ///< of UCX, and of all receivers

 private:
  explicit UcxEngine(const std::string& interfaces) : interfaces_(interfaces) {}
  ~UcxEngine();
  static void stop_all();
  Status set_up();
  void run();
  void stop();
  bool open_endpoints();
  void open(Endpoint& endpoint);
  void postpone(Endpoint& endpoint, const char* why);
  void transmit(Endpoint& endpoint, std::unique_ptr<UcxMessage> message);
  void lose(Endpoint& endpoint, const char* why);
  bool receive();
  void receive(ucp_tag_message_h message, const ucp_tag_recv_info_t& info);
  void lose_from(std::uint64_t engine, const char* why);
  void take(std::uint64_t engine, const Arrival& arrival);

  const std::string interfaces_;
  std::uint64_t number_ = 0;
  UcxEngine* older_ = nullptr;  ///< the one that was made before
  UcxWorker worker_;
  int wake_ = -1;
  pid_t process_ = 0;  ///< that has the thread
  std::atomic<bool> stopping_ = false;
  std::map<std::uint64_t, Endpoint*> endpoints_;           ///< by engine
  std::set<Endpoint*> waiting_;                            ///< those that messages wait for
  std::map<std::uint64_t, std::deque<Arrival>> arrivals_;  ///< by engine, in order
  bool arrived_ = false;                                   ///< one of them is complete
  std::map<std::pair<std::uint64_t, std::uint32_t>, Receiver*> receivers_;
  std::thread thread_;
};

}  // namespace causeway
