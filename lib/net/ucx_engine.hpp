// The process's UCX worker, its endpoints and the thread that drives them.
#pragma once

#include "../facts.hpp"
#include "../status.hpp"

#include <ucp/api/ucp.h>
#include <causeway/device/network.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
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
  kFailure,  ///< the communicator has failed: `value` is the failure word
  kDepart,   ///< the last message of this rank
};

/// Before the bytes of every message. Ranks of a job run the same build.
struct MessageHeader {
  std::uint64_t communicator;
  MessageKind kind;
  std::uint32_t source;  ///< ranks in it
  std::uint32_t target;
  std::uint32_t lane;
  std::uint64_t outgoing;  ///< as NetworkPost has it
  std::uint64_t number;    ///< of messages from this source to this target, counted from 0
  std::uint64_t word_offset;
  std::uint64_t value;
  std::uint64_t ranges;
  device::NetworkPost::Range range[device::NetworkPost::kMostRanges];
};

/// A connection to a process, made on first use and kept as long as it works.
struct Endpoint {
  ucp_ep_h handle;
  bool broken = false;
};

/// What takes messages: one rank's end of a communicator. All is called with the engine's mutex
/// held; the first two by UCX, and they send nothing.
class Receiver {
 public:
  virtual void take(const MessageHeader& header, const std::byte* data, std::size_t bytes) = 0;
  virtual void lose(const Endpoint& endpoint, const char* why) = 0;
  /// Sends what the two found to be due.
  virtual void settle() = 0;
  /// Looks after peers; called several times a second.
  virtual void watch() = 0;

 protected:
  ~Receiver() = default;
};

/// One for the process, made on first use and never destroyed: UCX 1.13 aborts when a worker ends
/// while a peer is still connecting to it. The thread ends with the process.
///
/// A message is one eager active message, so that sending never waits for the other side. The
/// thread sleeps until something comes; it answers peers whatever the ranks of this process do.
class UcxEngine {
 public:
  /// The process's engine; on failure the reason is the same every time.
  static Status get(UcxEngine** engine);

  /// Of UCX.
  static std::string version();

  /// Fills in what the context found.
  void describe(NetworkFacts* facts) const;

  std::span<const std::byte> address() const { return address_; }

  // With `mutex` held:

  void enter(std::uint64_t communicator, std::uint32_t rank, Receiver* receiver) {
    receivers_[{communicator, rank}] = receiver;
  }
  void leave(std::uint64_t communicator, std::uint32_t rank) {
    receivers_.erase({communicator, rank});
  }

  /// The endpoint of a process, known by its random number, at a UCX address.
  Status connect(std::uint64_t process, const std::byte* address, Endpoint** endpoint);

  /// Sends a header and what its ranges name of a block. `owner` keeps the block until UCX has read
  /// it. When it fails, receivers have been told.
  void send(Endpoint& endpoint, const MessageHeader& header, const std::byte* block,
            std::shared_ptr<void> owner);

  /// Moves on what is under way.
  void progress();

  /// Makes the thread look, after something was sent from another.
  void wake();

  std::mutex mutex;  ///< of UCX, and of all receivers

 private:
  Status set_up();
  void run();
  void stop();
  void lose(Endpoint& endpoint, const char* why);
  void take(const void* header, std::size_t header_bytes, const void* data, std::size_t bytes,
            std::uint64_t attributes);

  ucp_context_h context_ = nullptr;
  ucp_worker_h worker_ = nullptr;
  int events_ = -1;  ///< the worker's
  int wake_ = -1;
  bool stopping_ = false;
  std::vector<std::byte> address_;
  std::map<std::uint64_t, Endpoint*> endpoints_;  ///< by process
  std::map<std::pair<std::uint64_t, std::uint32_t>, Receiver*> receivers_;
  std::thread thread_;
};

}  // namespace causeway
