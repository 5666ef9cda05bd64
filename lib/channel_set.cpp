// The channels of a communicator over shared memory, and their tables for the host device.
#include "channel_set.hpp"

namespace causeway {

namespace {

/// How the other ranks of a host find a rank's segment. Plain data.
struct SegmentOffer {
  int descriptor;
  const std::shared_ptr<SharedSegment>* pointer;  ///< for ranks of the same process
};

}  // namespace

Status ChannelSet::create(Bootstrap& bootstrap, const Topology& topology,
                          const ChannelSettings& settings) {
  topology_ = &topology;
  settings_ = settings;
  layout_ = ChannelLayout(topology.host_ranks().size(), settings.lanes, settings.ring_bytes);
  segments_.resize(topology.host_ranks().size());
  std::shared_ptr<SharedSegment>& own = segments_[static_cast<std::size_t>(topology.host_rank())];
  const Status made = SharedSegment::create(layout_.bytes(), &own);
  if (made.ok()) fill_own_segment();
  CAUSEWAY_TRY(agree(bootstrap, made));
  CAUSEWAY_TRY(open_peers(bootstrap));
  own->close_descriptor();
  fill_tables();
  return {};
}

Status ChannelSet::open_peers(Bootstrap& bootstrap) {
  const auto own = static_cast<std::size_t>(topology_->host_rank());
  const SegmentOffer mine{segments_[own]->descriptor(), &segments_[own]};
  std::vector<SegmentOffer> offers;
  CAUSEWAY_TRY(allgather(bootstrap, mine, &offers));
  const auto open = [&]() -> Status {
    for (std::size_t index = 0; index < segments_.size(); ++index) {
      const int rank = topology_->host_ranks()[index];
      const SegmentOffer& offer = offers[static_cast<std::size_t>(rank)];
      const Place& place = topology_->place(rank);
      if (index == own) continue;
      if (topology_->same_process(rank)) {
        segments_[index] = *offer.pointer;
        continue;
      }
      CAUSEWAY_TRY(
          SharedSegment::open(place.pid, offer.descriptor, layout_.bytes(), &segments_[index]));
      if (header(static_cast<int>(index)).owner == place.process_id) continue;
      return Status::error(ErrorKind::kSystem,
                           "descriptor %d of process %d is not the shared memory of rank %d",
                           offer.descriptor, static_cast<int>(place.pid), rank);
    }
    return {};
  };
  return agree(bootstrap, open());
}

void ChannelSet::fill_own_segment() {
  const int self = topology_->host_rank();
  header(self).owner = topology_->place(topology_->rank()).process_id;
  const std::uint64_t start = settings_.start_count;
  std::byte* const base = segment(self).data();
  for (std::uint64_t peer = 0; peer < segments_.size(); ++peer) {
    for (std::uint64_t lane = 0; lane < settings_.lanes; ++lane) {
      *reinterpret_cast<device::SenderWords*>(base + layout_.sender_words(peer, lane)) = {start,
                                                                                          start};
      *reinterpret_cast<device::ReceiverWords*>(base + layout_.receiver_words(peer, lane)) = {
          start, start, start, 0};
    }
  }
}

void ChannelSet::fill_tables() {
  const auto ranks = static_cast<std::size_t>(topology_->size());
  const std::size_t channels = ranks * settings_.lanes;
  const auto self = static_cast<std::uint64_t>(topology_->host_rank());
  std::byte* const own = segment(topology_->host_rank()).data();
  const std::uint64_t start = settings_.start_count;
  states_.assign(2 * channels, {start, start, start, start});
  send_.resize(channels);
  receive_.resize(channels);
  for (std::uint64_t index = 0; index < segments_.size(); ++index) {
    const int rank = topology_->host_ranks()[index];
    const device::LinkHandle link{
        index == self ? device::LinkKind::kSelf : device::LinkKind::kMemory,
        segments_[index]->data()};
    for (std::uint32_t lane = 0; lane < settings_.lanes; ++lane) {
      const std::size_t entry = static_cast<std::size_t>(rank) * settings_.lanes + lane;
      device::ChannelShape shape{layout_.ring(self, lane),
                                 layout_.sender_words(self, lane),
                                 settings_.ring_bytes,
                                 eager_bytes(),
                                 static_cast<std::uint32_t>(rank),
                                 lane};
      send_[entry] = {
          shape, link,
          reinterpret_cast<const device::ReceiverWords*>(own + layout_.receiver_words(index, lane)),
          &states_[2 * entry]};
      shape.ring_offset = layout_.ring(index, lane);
      shape.words_offset = layout_.receiver_words(self, lane);
      receive_[entry] = {
          shape, link,
          reinterpret_cast<const device::SenderWords*>(own + layout_.sender_words(index, lane)),
          own + layout_.ring(index, lane), &states_[2 * entry + 1]};
    }
  }
}

device::Communicator ChannelSet::handle(const device::WaitControl& control) const {
  return {static_cast<std::uint32_t>(topology_->rank()),
          static_cast<std::uint32_t>(topology_->size()),
          settings_.lanes,
          send_.data(),
          receive_.data(),
          control};
}

void ChannelSet::set_abort_words(Failure failure) {
  for (std::size_t index = 0; index < segments_.size(); ++index) {
    set_abort_word(&header(static_cast<int>(index)).abort_word, failure);
  }
}

}  // namespace causeway
