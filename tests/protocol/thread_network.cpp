// A network between ranks that are threads of this process, linked in place of the library's: so
// that sanitizers see both ends of network links, and GPUs without UCX have some.
//
// Every post goes through the ring that GPUs use. A thread of each rank takes posts out and carries
// them to the peers, after a while of its own choosing.
#include <network.hpp>

#include <causeway/device/host_device.hpp>
#include <causeway/device/post_ring.hpp>

#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

namespace causeway {

namespace {

class ThreadNetwork final : public Network {
 public:
  explicit ThreadNetwork(const Topology& topology) : topology_(topology) {
    post = [](NetworkPort& port, const device::NetworkPost& what) {
      device::push_post<device::HostDevice>(port.posts, what,
                                            static_cast<ThreadNetwork&>(port).control_);
    };
    drive = [](NetworkPort&) {};
  }

  ~ThreadNetwork() override { leave(); }

  Status set_up(Bootstrap& bootstrap, const NetworkSettings& settings, DeviceMemory& backend) {
    CAUSEWAY_TRY(agree(bootstrap, [&] { return make_blocks(topology_, settings, backend); }));
    end_->blocks = &blocks_;
    const std::shared_ptr<End>* const mine = &end_;
    std::vector<const std::shared_ptr<End>*> ends;
    CAUSEWAY_TRY(allgather(bootstrap, mine, &ends));
    for (const auto* const end : ends) peers_.push_back(*end);
    CAUSEWAY_TRY(agree(bootstrap, Status()));
    carrier_ = std::thread([this] { carry(); });
    return {};
  }

  void on_failure(std::function<void(Failure)> tell, std::function<std::uint64_t()> seen) override {
    const std::lock_guard lock(end_->mutex);
    end_->tell = std::move(tell);
    seen_ = std::move(seen);
    if (end_->failure != 0) end_->tell(Failure::from(end_->failure));
  }

  void await_spread() override {
    while (!told_ && carrier_.joinable()) std::this_thread::yield();
  }

  void wake() override {}

  void leave() override {
    if (!carrier_.joinable()) return;
    leaving_ = true;
    carrier_.join();
    const std::lock_guard lock(end_->mutex);
    end_->blocks = nullptr;
    end_->tell = nullptr;
  }

 private:
  /// What carriers of peers find of a rank, which may have left.
  struct End {
    std::mutex mutex;
    NetworkBlocks* blocks = nullptr;
    std::function<void(Failure)> tell;
    std::uint64_t failure = 0;
  };

  void carry() {
    std::minstd_rand random(static_cast<unsigned>(topology_.rank()) + 1);
    for (bool leaving = false; !leaving;) {
      leaving = leaving_;
      for (device::NetworkPost due; blocks_.take(&due);) {
        if (random() % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
        carry(due);
      }
      spread();
      std::this_thread::yield();
    }
  }

  void carry(const device::NetworkPost& what) {
    const int rank = static_cast<int>(what.peer);
    End& peer = *peers_[what.peer];
    std::vector<std::byte> data;
    const std::byte* const block =
        blocks_.ring(rank, what.lane, what.outgoing != 0) - device::NetworkPost::kRing;
    for (std::uint32_t i = 0; i < what.ranges; ++i) {
      const std::byte* const begin = block + what.range[i].offset;
      data.insert(data.end(), begin, begin + what.range[i].bytes);
    }
    const std::lock_guard lock(peer.mutex);
    if (peer.blocks != nullptr &&
        !peer.blocks->store(topology_.rank(), what, data.data(), data.size())) {
      std::abort();
    }
  }

  void spread() {
    std::uint64_t failure = 0;
    {
      const std::lock_guard lock(end_->mutex);
      if (told_ || !seen_ || (failure = seen_()) == 0) return;
    }
    for (const int rank : topology_.remote_ranks()) {
      End& peer = *peers_[static_cast<std::size_t>(rank)];
      const std::lock_guard lock(peer.mutex);
      if (peer.failure == 0) peer.failure = failure;
      if (peer.tell) peer.tell(Failure::from(failure));
    }
    told_ = true;
  }

  const Topology& topology_;
  const std::shared_ptr<End> end_ = std::make_shared<End>();
  std::vector<std::shared_ptr<End>> peers_;  ///< by rank
  std::function<std::uint64_t()> seen_;
  std::atomic<bool> leaving_ = false;
  std::atomic<bool> told_ = false;  ///< the other hosts of a failure
  std::thread carrier_;

  // Pushes never give up: the carrier empties the ring.
  const std::uint64_t no_abort_ = 0;
  const device::WaitControl control_{.abort_word = &no_abort_};
};

}  // namespace

bool Network::available() { return true; }

NetworkFacts Network::facts() { return {}; }

Status Network::create(Bootstrap& bootstrap, const Topology& topology,
                       const NetworkSettings& settings, DeviceMemory& backend,
                       std::unique_ptr<Network>* network) {
  auto made = std::make_unique<ThreadNetwork>(topology);
  CAUSEWAY_TRY(made->set_up(bootstrap, settings, backend));
  *network = std::move(made);
  return {};
}

}  // namespace causeway
