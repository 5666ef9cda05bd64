// The channels of a communicator: memory that the ranks of a host share, and the tables of ends.
#include "channel_set.hpp"

#include "channel_layout.hpp"
#include "shared_segment.hpp"

#include <algorithm>
#include <cstring>

namespace causeway {

/// How the other ranks of a host find what a rank shares. Plain data.
struct ChannelSet::Offers {
  int control;  ///< descriptor of its page, in its process
  MemoryOffer segment;
  const Memory* control_here;  ///< this and the next two for ranks of the same process
  const Memory* control_as_seen;
  const Memory* segment_here;
};

Status ChannelSet::create(Bootstrap& bootstrap, const Topology& topology, DeviceMemory& backend,
                          const RegionSet& registered, Network* network,
                          const ChannelSettings& settings) {
  static_assert(sizeof(Control) <= kPageBytes);
  topology_ = &topology;
  backend_ = &backend;
  registered_ = &registered;
  network_ = network;
  settings_ = settings;
  layout_ = ChannelLayout(topology.host_ranks().size(), settings.lanes, settings.ring_bytes,
                          2 * settings.slot_bytes());
  std::shared_ptr<SharedSegment> control;
  MemoryOffer segment{};
  const auto make = [&]() -> Status {
    controls_.resize(topology.host_ranks().size());
    controls_as_seen_.resize(topology.host_ranks().size());
    segments_.resize(topology.host_ranks().size());
    ended_ = std::make_unique<std::atomic<bool>[]>(topology.host_ranks().size());
    CAUSEWAY_TRY(SharedSegment::create(bytes_of_controls(), &control));
    controls_[own()] = Memory(control, control->data());
    CAUSEWAY_TRY(backend.map_host_memory(controls_[own()], kPageBytes, &controls_as_seen_[own()]));
    CAUSEWAY_TRY(backend.create_segment(bytes_of_segments(), &segments_[own()], &segment));
    return fill_own_segment();
  };
  CAUSEWAY_TRY(agree(bootstrap, make));
  Status status = open_peers(bootstrap, control->descriptor(), segment);
  control->close_descriptor();
  backend.withdraw(segment);
  if (status.ok()) status = agree(bootstrap, [&] { return fill_tables(); });
  if (status.ok()) return {};
  // A segment must not go back while a peer has it open.
  close_peers();
  if (!agree(bootstrap, Status()).ok()) keep_own_segment();
  return status;
}

Status ChannelSet::open_peers(Bootstrap& bootstrap, int control, const MemoryOffer& segment) {
  const Offers mine{control, segment, &controls_[own()], &controls_as_seen_[own()],
                    &segments_[own()]};
  std::vector<Offers> all;
  CAUSEWAY_TRY(allgather(bootstrap, mine, &all));
  const auto open = [&]() -> Status {
    for (std::size_t index = 0; index < segments_.size(); ++index) {
      if (index == own()) continue;
      CAUSEWAY_TRY(open_peer(index, all[static_cast<std::size_t>(topology_->host_ranks()[index])]));
    }
    return {};
  };
  return agree(bootstrap, open);
}

Status ChannelSet::open_peer(std::size_t index, const Offers& offers) {
  const int rank = topology_->host_ranks()[index];
  const Place& place = topology_->place(rank);
  if (topology_->same_process(rank)) {
    controls_[index] = *offers.control_here;
    controls_as_seen_[index] = *offers.control_as_seen;
    segments_[index] = *offers.segment_here;
    return backend_->enable_access(offers.segment);
  }
  std::shared_ptr<SharedSegment> control;
  CAUSEWAY_TRY(
      SharedSegment::open(place.desk, offers.control, bytes_of_controls(), Reach::kAny, &control));
  controls_[index] = Memory(control, control->data());
  CAUSEWAY_TRY(backend_->map_host_memory(controls_[index], kPageBytes, &controls_as_seen_[index]));
  CAUSEWAY_TRY(backend_->open_memory(place, offers.segment, &segments_[index]));
  SegmentHeader header{};
  CAUSEWAY_TRY(backend_->copy(&header, segments_[index].get(), sizeof header));
  if (header.owner == place.process_id) return {};
  return Status::error(ErrorKind::kSystem,
                       "what process %d offered is not the shared memory of rank %d",
                       static_cast<int>(place.desk.pid), rank);
}

Status ChannelSet::create_spare(const ChannelSet& first, std::uint64_t index,
                                const Topology& topology, DeviceMemory& backend,
                                const RegionSet& registered) {
  topology_ = &topology;
  backend_ = &backend;
  registered_ = &registered;
  settings_ = first.settings_;
  layout_ = first.layout_;
  ended_ = std::make_unique<std::atomic<bool>[]>(topology.host_ranks().size());
  for (std::size_t rank = 0; rank < first.controls_.size(); ++rank) {
    const Memory& control = first.controls_[rank];
    const Memory& segment = first.segments_[rank];
    controls_.emplace_back(control, control.get() + index * kPageBytes);
    segments_.emplace_back(segment, segment.get() + index * segment_stride());
  }
  controls_as_seen_ = controls_;
  return fill_tables();
}

Status ChannelSet::fill_own_segment() {
  CAUSEWAY_TRY(fill_words());
  return settings_.start_count == 0 ? Status() : fill_lines(settings_.lanes);
}

Status ChannelSet::fill_words() {
  const std::uint64_t start = settings_.start_count;
  std::vector<std::byte> image(layout_.bytes_of_words());
  const SegmentHeader header{topology_->place(topology_->rank()).process_id};
  std::memcpy(image.data(), &header, sizeof header);
  for (std::uint64_t peer = 0; peer < segments_.size(); ++peer) {
    for (std::uint64_t lane = 0; lane < settings_.lanes; ++lane) {
      const device::SenderWords in = words_of_sender(start);
      const device::ReceiverWords out = words_of_receiver(start);
      std::memcpy(&image[layout_.sender_words(peer, lane)], &in, sizeof in);
      std::memcpy(&image[layout_.receiver_words(peer, lane)], &out, sizeof out);
    }
  }
  return backend_->copy(segments_[own()].get(), image.data(), image.size());
}

Status ChannelSet::fill_states() {
  const std::uint64_t start = settings_.start_count;
  const std::size_t channels = static_cast<std::size_t>(topology_->size()) * settings_.lanes;
  const std::vector<device::ChannelState> fresh(
      2 * channels, {start, start, start, start, start, 0, 0, start, start - 1});
  return backend_->copy(tables_.get(), fresh.data(), fresh.size() * sizeof fresh[0]);
}

Status ChannelSet::renew() {
  CAUSEWAY_TRY(fill_words());
  if (settings_.slot_bytes() > 0) CAUSEWAY_TRY(fill_lines(settings_.lanes));
  CAUSEWAY_TRY(fill_states());
  const device::FaultClaims no_claims{};
  CAUSEWAY_TRY(backend_->copy(handle_.control.claims, &no_claims, sizeof no_claims));
  const unsigned long long nobody = 0;
  CAUSEWAY_TRY(backend_->copy(handle_.occupancy, &nobody, sizeof nobody));
  *control_of(own()) = {};
  return {};
}

/// Of every peer's first `lanes` lanes. A line of ll128's flag is where that of its last line would
/// be.
Status ChannelSet::fill_lines(std::uint64_t lanes) {
  const std::vector<device::LlLine> fresh(2 * settings_.slot_bytes() / sizeof(device::LlLine),
                                          {0, settings_.start_count});
  for (std::uint64_t peer = 0; peer < segments_.size(); ++peer) {
    for (std::uint64_t lane = 0; lane < lanes; ++lane) {
      CAUSEWAY_TRY(backend_->copy(segments_[own()].get() + layout_.lines(peer, lane), fresh.data(),
                                  fresh.size() * sizeof(device::LlLine)));
    }
  }
  return {};
}

Status ChannelSet::try_ll128(Bootstrap& bootstrap, const Ll128Trial& trial, bool* hold) {
  *hold = true;
  if (settings_.ll128_bytes == 0 || backend_->kind() == DeviceKind::kHost) return {};
  const Status tried = guarded([&] { return trial(handle_, hold); });
  // When all have said so, nobody stores any more.
  std::vector<std::uint32_t> holds;
  CAUSEWAY_TRY(allgather(bootstrap, std::uint32_t{tried.ok() && *hold}, &holds));
  *hold = std::ranges::count(holds, 0U) == 0;
  const auto clean_up = [&]() -> Status {
    CAUSEWAY_TRY(tried);
    CAUSEWAY_TRY(fill_lines(1));
    return *hold ? Status() : forgo_ll128();
  };
  return agree(bootstrap, clean_up);
}

Status ChannelSet::forgo_ll128() {
  const std::size_t channels = static_cast<std::size_t>(topology_->size()) * settings_.lanes;
  const std::vector<std::uint64_t> zeros(channels);
  const auto clear = [&]<class End>(const End* ends) {
    constexpr std::size_t kAt = offsetof(End, shape) + offsetof(device::ChannelShape, ll128_bytes);
    auto* const first = reinterpret_cast<std::byte*>(const_cast<End*>(ends)) + kAt;
    return backend_->copy(BlockCopy{first, sizeof(End),
                                    reinterpret_cast<const std::byte*>(zeros.data()),
                                    sizeof zeros[0], sizeof zeros[0], channels});
  };
  CAUSEWAY_TRY(clear(handle_.send));
  return clear(handle_.receive);
}

/// Lays out, in one piece of the device's memory: states, send ends, receive ends, fault claims,
/// occupancy, the abort words' addresses.
Status ChannelSet::fill_tables() {
  const std::size_t channels = static_cast<std::size_t>(topology_->size()) * settings_.lanes;
  const std::size_t send_at = 2 * channels * sizeof(device::ChannelState);
  const std::size_t receive_at = send_at + channels * sizeof(device::SendChannel);
  const std::size_t claims_at =
      device::round_up(receive_at + channels * sizeof(device::ReceiveChannel), device::kLineBytes);
  const std::size_t occupancy_at = claims_at + device::kLineBytes;
  const std::size_t abort_words_at = occupancy_at + device::kLineBytes;
  const std::size_t bytes = abort_words_at + segments_.size() * sizeof(std::uint64_t*);
  CAUSEWAY_TRY(backend_->allocate(bytes, &tables_));
  if (settings_.ll_bytes > 0) {
    CAUSEWAY_TRY(backend_->allocate(
        2 * segments_.size() * settings_.lanes * settings_.scratch_bytes(), &scratch_));
  }
  std::byte* const base = tables_.get();
  auto* const states = reinterpret_cast<device::ChannelState*>(base);

  std::vector<device::SendChannel> send(channels);
  std::vector<device::ReceiveChannel> receive(channels);
  std::vector<std::uint64_t*> abort_words;
  std::byte* const segment = segments_[own()].get();
  for (std::uint64_t index = 0; index < segments_.size(); ++index) {
    const int rank = topology_->host_ranks()[index];
    abort_words.push_back(&as_seen(index)->abort_word);
    const device::LinkHandle link{
        index == own() ? device::LinkKind::kSelf : device::LinkKind::kMemory,
        segments_[index].get()};
    const auto receiver_words = [&](std::uint32_t lane) {
      return reinterpret_cast<const device::ReceiverWords*>(segment +
                                                            layout_.receiver_words(index, lane));
    };
    const auto sender_words = [&](std::uint32_t lane) {
      return reinterpret_cast<const device::SenderWords*>(segment +
                                                          layout_.sender_words(index, lane));
    };
    const auto lines = [&](std::uint32_t lane) {
      return reinterpret_cast<const device::LlLine*>(segment + layout_.lines(index, lane));
    };
    const std::int32_t process =
        topology_->same_process(rank) ? 0 : topology_->place(rank).desk.pid;
    const std::size_t first = static_cast<std::size_t>(rank) * settings_.lanes;
    const device::PeerNews news{&states[2 * first + 1], sender_words(0), lines(0)};
    for (std::uint32_t lane = 0; lane < settings_.lanes; ++lane) {
      const std::size_t entry = first + lane;
      std::byte* const scratch =
          scratch_.get() + 2 * (index * settings_.lanes + lane) * settings_.scratch_bytes();
      device::ChannelShape shape{layout_.ring(own(), lane),
                                 layout_.sender_words(own(), lane),
                                 settings_.ring_bytes,
                                 eager_bytes(),
                                 static_cast<std::uint32_t>(rank),
                                 lane,
                                 0,
                                 settings_.ll_bytes,
                                 layout_.lines(own(), lane),
                                 settings_.ll128_bytes,
                                 settings_.slot_bytes(),
                                 settings_.lanes,
                                 process};
      const bool lined = settings_.ll_bytes > 0;
      send[entry] = {shape,
                     link,
                     receiver_words(lane),
                     &states[2 * entry],
                     &states[2 * entry],
                     receiver_words(0),
                     receiver_words(lined ? 0 : lane),
                     news,
                     registered_->views(rank),
                     scratch};
      shape.ring_offset = layout_.ring(index, lane);
      shape.words_offset = layout_.receiver_words(own(), lane);
      shape.posts_offset = lined ? layout_.receiver_words(own(), 0) : shape.words_offset;
      receive[entry] = {shape,
                        link,
                        sender_words(lane),
                        segment + layout_.ring(index, lane),
                        &states[2 * entry + 1],
                        &states[2 * entry + 1],
                        lines(lane),
                        lines(0),
                        sender_words(0),
                        scratch + settings_.scratch_bytes()};
    }
  }
  for (const int rank : topology_->remote_ranks()) {
    for (std::uint32_t lane = 0; lane < settings_.lanes; ++lane) {
      const std::size_t entry = static_cast<std::size_t>(rank) * settings_.lanes + lane;
      const device::ChannelShape shape{device::NetworkPost::kRing,
                                       device::NetworkPost::kWords,
                                       settings_.ring_bytes,
                                       eager_bytes(),
                                       static_cast<std::uint32_t>(rank),
                                       lane,
                                       device::NetworkPost::kWords,
                                       0,
                                       0,
                                       0,
                                       0,
                                       settings_.lanes};
      const auto* const out =
          reinterpret_cast<const device::ReceiverWords*>(network_->words(rank, lane, true));
      const auto* const in =
          reinterpret_cast<const device::SenderWords*>(network_->words(rank, lane, false));
      send[entry] = {shape,
                     network_->link(rank, lane, true),
                     out,
                     &states[2 * entry],
                     &states[2 * entry],
                     reinterpret_cast<const device::ReceiverWords*>(network_->words(rank, 0, true)),
                     out,
                     {},
                     nullptr,
                     nullptr};
      receive[entry] = {
          shape,
          network_->link(rank, lane, false),
          in,
          network_->ring(rank, lane),
          &states[2 * entry + 1],
          &states[2 * entry + 1],
          nullptr,
          nullptr,
          reinterpret_cast<const device::SenderWords*>(network_->words(rank, 0, false)),
          nullptr};
    }
  }
  CAUSEWAY_TRY(fill_states());
  CAUSEWAY_TRY(backend_->copy(base + send_at, send.data(), receive_at - send_at));
  CAUSEWAY_TRY(
      backend_->copy(base + receive_at, receive.data(), channels * sizeof(device::ReceiveChannel)));
  CAUSEWAY_TRY(backend_->copy(base + abort_words_at, abort_words.data(),
                              abort_words.size() * sizeof(std::uint64_t*)));

  Control* const control = as_seen(own());
  handle_.rank = static_cast<std::uint32_t>(topology_->rank());
  handle_.size = static_cast<std::uint32_t>(topology_->size());
  handle_.lanes = settings_.lanes;
  handle_.send = reinterpret_cast<const device::SendChannel*>(base + send_at);
  handle_.receive = reinterpret_cast<const device::ReceiveChannel*>(base + receive_at);
  handle_.states = states;
  handle_.occupancy = reinterpret_cast<unsigned long long*>(base + occupancy_at);
  handle_.control.abort_word = &control->abort_word;
  handle_.control.abort_words = reinterpret_cast<std::uint64_t* const*>(base + abort_words_at);
  handle_.control.abort_word_count = static_cast<std::uint32_t>(abort_words.size());
  handle_.control.rank = handle_.rank;
  handle_.control.port = network_;
  if (network_ != nullptr) handle_.launches_over = network_->launches_over();
  handle_.control.reports = &control->reports;
  handle_.control.claims = reinterpret_cast<device::FaultClaims*>(base + claims_at);
  return {};
}

}  // namespace causeway
