// One exchange by any library on any device: called, timed in windows and validated.
#include "exchange.hpp"

#include <algorithm>
#include <cstdio>

namespace causeway::osu {

ElementType element_type(Element element) {
  switch (element) {
    case Element::kInt:
      return {MPI_INT, sizeof(int), "MPI_INT"};
    case Element::kFloat:
      return {MPI_FLOAT, sizeof(float), "MPI_FLOAT"};
    case Element::kChar:
      break;
  }
  return {MPI_CHAR, 1, "MPI_CHAR"};
}

Exchange::Exchange(const Options& options, const Pattern& pattern, Device& device,
                   std::span<const std::unique_ptr<Library>> libraries, MPI_Comm comm)
    : options_(options), device_(device), comm_(comm), pattern_(pattern) {
  MPI_Comm_rank(comm_, &rank_);
  MPI_Comm_size(comm_, &ranks_);
  for (const std::unique_ptr<Library>& library : libraries) {
    contestants_.push_back({*library, {}, {}, {}, {}, {}, {}});
  }
  // Bytes cannot be renewed between calls that are timed together.
  const bool checks_timed = options.validate && !device.has_mirrors();
  timed_bytes_ = checks_timed ? Bytes::kChecked : Bytes::kAny;
}

Exchange::~Exchange() {
  for (const Contestant& contestant : contestants_) {
    require(contestant.library, contestant.library.give_back());
  }
}

bool Exchange::allocate(std::size_t largest) {
  const std::size_t extent = extent_bound(pattern_, largest);
  const bool spares = timed_bytes_ == Bytes::kChecked && options_.validation_warmups > 0;
  const bool mirrors = device_.has_mirrors() && (options_.validate || options_.versus_mpi);
  bool got_all = true;
  const auto obtain = [&](Buffer& buffer, bool needed, const auto& allocate) {
    if (needed) {
      buffer = allocate(extent);
      got_all = got_all && buffer != nullptr;
    }
  };
  const auto common = [&](std::size_t bytes) { return device_.allocate(bytes); };
  obtain(common_.receive, true, common);
  obtain(common_.send, !options_.in_place, common);
  obtain(common_.spare, spares, common);
  const auto mirror = [&](std::size_t bytes) { return device_.allocate_mirror(bytes); };
  obtain(send_mirror_, mirrors && !options_.in_place, mirror);
  obtain(receive_mirror_, mirrors, mirror);
  for (Contestant& contestant : contestants_) {
    const Apart apart = contestant.library.apart();
    const auto own = [&](std::size_t bytes) { return contestant.library.allocate(comm_, bytes); };
    obtain(contestant.apart.receive, apart.receive, own);
    obtain(contestant.apart.send, apart.send, own);
    obtain(contestant.apart.spare, apart.receive && spares, own);
  }
  int complete = got_all ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &complete, 1, MPI_INT, MPI_MIN, comm_);
  if (complete == 1) {
    hand_out(extent);
  }
  return complete == 1;
}

void Exchange::hand_out(std::size_t extent) {
  for (Contestant& contestant : contestants_) {
    Library& library = contestant.library;
    const auto choose = [&](const Buffer& own, const Buffer& common) {
      std::byte* const buffer = own ? own.get() : common.get();
      if (buffer != nullptr) {
        require(library, library.take(comm_, buffer, extent));
      }
      return buffer;
    };
    const Buffers& apart = contestant.apart;
    contestant.memory = {choose(apart.send, common_.send), choose(apart.receive, common_.receive),
                         choose(apart.spare, common_.spare)};
  }
}

void Exchange::prepare(Contestant& contestant) {
  const Layout& layout = contestant.library.apart().packed ? packed_ : spaced_;
  const Memory& memory = contestant.memory;
  contestant.call = {options_.in_place ? MPI_IN_PLACE : memory.send,
                     memory.receive,
                     &layout.sent,
                     &layout.received,
                     element_.type,
                     comm_,
                     send_mirror_.get(),
                     receive_mirror_.get()};
  contestant.spare_call = contestant.call;
  contestant.spare_call.receive = memory.spare;
  contestant.seconds.clear();
  contestant.failure.reset();

  Library& library = contestant.library;
  require(library, library.prepare(contestant.call));
  if (memory.spare != nullptr) {
    require(library, library.prepare(contestant.spare_call));
  }
  require(library, device_.prepare(library, contestant.call));
}

void Exchange::forget() {
  // Before what they refer to.
  device_.forget();
  for (const Contestant& contestant : contestants_) {
    require(contestant.library, contestant.library.forget());
  }
}

void Exchange::require(const Library& library, const std::string& error) const {
  if (error.empty()) {
    return;
  }
  std::fprintf(stderr, "rank %d: %s's %s\n", rank_, library.name().name.c_str(), error.c_str());
  std::fflush(nullptr);
  // The other ranks may be waiting in the exchange for this one.
  MPI_Abort(comm_, 1);
}

void Exchange::run(Library& library, const Call& call, int times) {
  require(library, device_.run(library, call, times));
}

void Exchange::write_payload(const Contestant& contestant) {
  const Stamp stamp{options_.seed, calls_};
  const Call& call = contestant.call;
  const Memory& memory = contestant.memory;
  std::byte* const receive = receive_mirror_ ? receive_mirror_.get() : memory.receive;
  std::byte* const send = send_mirror_ ? send_mirror_.get() : memory.send;
  if (options_.in_place) {
    write_sent(receive, *call.received, rank_, stamp);
  } else {
    write_sent(send, *call.sent, rank_, stamp);
    spoil_received(receive, *call.received, rank_, stamp);
  }
}

void Exchange::find_failure(Contestant& contestant) {
  const std::byte* const got = receive_mirror_ ? receive_mirror_.get() : contestant.memory.receive;
  const auto wrong =
      find_wrong_byte(got, *contestant.call.received, rank_, {options_.seed, calls_});
  if (wrong) {
    contestant.failure = {*wrong, calls_};
  }
}

double Exchange::timed_turn(Contestant& contestant, int calls, Bytes bytes) {
  Library& library = contestant.library;
  const Memory& memory = contestant.memory;
  ++calls_;
  if (bytes == Bytes::kChecked) {
    write_payload(contestant);
    if (receive_mirror_) {
      require(library, device_.copy(memory.receive, receive_mirror_.get(),
                                    contestant.call.received->extent));
      require(library, device_.copy(memory.send, send_mirror_.get(), contestant.call.sent->extent));
    }
    // Writing and checking leaves the caches in another state than a run of exchanges does; these
    // calls restore it.
    for (int warmup = 0; memory.spare != nullptr && warmup < options_.validation_warmups;
         ++warmup) {
      MPI_Barrier(comm_);
      run(library, contestant.spare_call, 1);
    }
  }
  MPI_Barrier(comm_);
  const double start = MPI_Wtime();
  run(library, contestant.call, calls);
  const double stop = MPI_Wtime();
  if (bytes == Bytes::kChecked && !contestant.failure) {
    // No barrier before this: what arrives only after the call has returned is late.
    if (receive_mirror_) {
      require(library, device_.copy(receive_mirror_.get(), memory.receive,
                                    contestant.call.received->extent));
    }
    find_failure(contestant);
  }
  return stop - start;
}

double Exchange::timed_calls(Contestant& contestant, int calls) {
  double sum = 0.0;
  const int turn = std::max(1, device_.calls_per_turn(calls));
  for (int done = 0; done < calls; done += turn) {
    sum += timed_turn(contestant, turn, timed_bytes_);
  }
  return sum;
}

void Exchange::check(Contestant& contestant, std::size_t bytes_per_peer) {
  for (int n = 0; n < Options::checks_for(bytes_per_peer); ++n) {
    timed_turn(contestant, 1, Bytes::kChecked);
  }
  // Once more just as the timed calls ran.
  timed_turn(contestant, device_.rounded_up(1), Bytes::kChecked);
}

double Exchange::mean_bytes_to_others() const {
  const Blocks& sent = spaced_.sent;
  double bytes = 0.0;
  for (std::size_t i = 0; i < sent.bytes.size(); ++i) {
    bytes += sent.ends[i].rank == rank_ ? 0.0 : static_cast<double>(sent.bytes[i]);
  }
  MPI_Allreduce(MPI_IN_PLACE, &bytes, 1, MPI_DOUBLE, MPI_SUM, comm_);
  return bytes / ranks_;
}

MeasuredSize Exchange::measure(Element element, std::size_t bytes_per_peer) {
  element_ = element_type(element);
  const auto laid_out = [&](Spacing spacing) {
    return Layout{blocks_sent(pattern_, rank_, bytes_per_peer, element_.bytes, spacing),
                  blocks_received(pattern_, rank_, bytes_per_peer, element_.bytes, spacing)};
  };
  spaced_ = laid_out(Spacing::kGuarded);
  packed_ = laid_out(Spacing::kPacked);

  for (Contestant& contestant : contestants_) {
    prepare(contestant);
    timed_calls(contestant, device_.rounded_up(options_.warmups_for(bytes_per_peer)));
  }

  MeasuredSize measured;
  measured.bytes_to_others = mean_bytes_to_others();
  for (const int asked : split_into_windows(options_.iterations_for(bytes_per_peer))) {
    const int calls = device_.rounded_up(asked);
    measured.calls += calls;
    for (Contestant& contestant : contestants_) {
      contestant.seconds.push_back(timed_calls(contestant, calls) / calls);
    }
  }

  for (Contestant& contestant : contestants_) {
    if (options_.validate && timed_bytes_ != Bytes::kChecked) {
      check(contestant, bytes_per_peer);
    }
    measured.by_library.push_back(
        {median_window(contestant.seconds, comm_), agree_passed(contestant, bytes_per_peer)});
  }
  forget();
  return measured;
}

bool Exchange::agree_passed(const Contestant& contestant, std::size_t bytes_per_peer) const {
  const std::optional<Failure>& failure = contestant.failure;
  const int mine = failure ? rank_ : ranks_;
  int lowest = ranks_;
  MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm_);
  if (failure && lowest == rank_) {
    const WrongByte& byte = failure->byte;
    const int peer = contestant.call.received->ends[byte.block].rank;
    const std::string from = peer == kNobody ? "nobody" : "rank " + std::to_string(peer);
    std::fprintf(
        stderr,
        "validation failed: %s, %s, size %zu, call %llu: rank %d, block %zu from %s, offset "
        "%td%s: expected 0x%02x, got 0x%02x\n",
        contestant.library.name().name.c_str(), element_.name, bytes_per_peer,
        static_cast<unsigned long long>(failure->call), rank_, byte.block, from.c_str(),
        byte.offset, byte.guard ? " (guard outside the block)" : "", byte.expected, byte.got);
    std::fflush(stderr);
  }
  return lowest == ranks_;
}

}  // namespace causeway::osu
