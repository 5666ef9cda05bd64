// One alltoallv by any library on any device: called, timed in windows and validated.
#include "exchange.hpp"

#include <algorithm>
#include <cstdio>

namespace causeway::osu {
namespace {

Buffer nothing() {
  return {nullptr, [](std::byte*) {}};
}

}  // namespace

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

Exchange::Exchange(const Options& options, Device& device, MPI_Comm comm)
    : options_(options),
      device_(device),
      comm_(comm),
      send_(nothing()),
      receive_(nothing()),
      spare_(nothing()),
      send_mirror_(nothing()),
      receive_mirror_(nothing()) {
  MPI_Comm_rank(comm_, &rank_);
  MPI_Comm_size(comm_, &ranks_);
  pattern_ = {ranks_,       options.skew,     options.sparsity,
              options.seed, options.in_place, options.by_distance};
  // Bytes cannot be renewed between calls that are timed together.
  const bool checks_timed = options.validate && !device.has_mirrors();
  timed_bytes_ = checks_timed ? Bytes::kChecked : Bytes::kAny;
}

// Before the buffers go, which what was prepared may still refer to.
Exchange::~Exchange() { device_.forget(); }

bool Exchange::allocate(std::size_t largest) {
  const std::size_t extent = extent_bound(ranks_, largest);
  bool got_all = true;
  const auto obtain = [&](Buffer& buffer, bool needed, bool as_mirror) {
    if (needed) {
      buffer = as_mirror ? device_.allocate_mirror(extent) : device_.allocate(extent);
      got_all = got_all && buffer != nullptr;
    }
  };
  const bool needs_mirrors = device_.has_mirrors() && (options_.validate || options_.versus_mpi);
  obtain(receive_, true, false);
  obtain(send_, !options_.in_place, false);
  obtain(spare_, timed_bytes_ == Bytes::kChecked && options_.validation_warmups > 0, false);
  obtain(send_mirror_, needs_mirrors && !options_.in_place, true);
  obtain(receive_mirror_, needs_mirrors, true);
  int complete = got_all ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &complete, 1, MPI_INT, MPI_MIN, comm_);
  return complete == 1;
}

Call Exchange::call_into(const Buffer& receive) const {
  return {options_.in_place ? MPI_IN_PLACE : send_.get(),
          receive.get(),
          &sent_,
          &received_,
          element_.type,
          comm_,
          send_mirror_.get(),
          receive_mirror_.get()};
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

void Exchange::run(Library& library, const Buffer& receive, int times) {
  require(library, device_.run(library, call_into(receive), times));
}

void Exchange::write_payload() {
  const Stamp stamp{options_.seed, calls_};
  std::byte* const receive = receive_mirror_ ? receive_mirror_.get() : receive_.get();
  std::byte* const send = send_mirror_ ? send_mirror_.get() : send_.get();
  if (options_.in_place) {
    write_sent(receive, received_, rank_, stamp);
  } else {
    write_sent(send, sent_, rank_, stamp);
    spoil_received(receive, received_, rank_, stamp);
  }
}

void Exchange::find_failure(std::optional<Failure>& failure) {
  const std::byte* const got = receive_mirror_ ? receive_mirror_.get() : receive_.get();
  const auto wrong = find_wrong_byte(got, received_, rank_, {options_.seed, calls_});
  if (wrong) {
    failure = {*wrong, calls_};
  }
}

double Exchange::timed_turn(Contestant& contestant, int calls, Bytes bytes) {
  Library& library = contestant.library;
  ++calls_;
  if (bytes == Bytes::kChecked) {
    write_payload();
    if (receive_mirror_) {
      require(library, device_.copy(receive_.get(), receive_mirror_.get(), received_.extent));
      require(library, device_.copy(send_.get(), send_mirror_.get(), sent_.extent));
    }
    // Writing and checking leaves the caches in another state than a run of exchanges does; these
    // calls restore it.
    for (int warmup = 0; spare_ && warmup < options_.validation_warmups; ++warmup) {
      MPI_Barrier(comm_);
      run(library, spare_, 1);
    }
  }
  MPI_Barrier(comm_);
  const double start = MPI_Wtime();
  run(library, receive_, calls);
  const double stop = MPI_Wtime();
  if (bytes == Bytes::kChecked && !contestant.failure) {
    // No barrier before this: what arrives only after the call has returned is late.
    if (receive_mirror_) {
      require(library, device_.copy(receive_mirror_.get(), receive_.get(), received_.extent));
    }
    find_failure(contestant.failure);
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
  double bytes = 0.0;
  for (int peer = 0; peer < ranks_; ++peer) {
    const auto index = static_cast<std::size_t>(peer);
    bytes += peer == rank_ ? 0.0 : static_cast<double>(sent_.bytes[index]);
  }
  MPI_Allreduce(MPI_IN_PLACE, &bytes, 1, MPI_DOUBLE, MPI_SUM, comm_);
  return bytes / ranks_;
}

MeasuredSize Exchange::measure(std::span<const std::unique_ptr<Library>> libraries, Element element,
                               std::size_t bytes_per_peer) {
  element_ = element_type(element);
  sent_ = blocks_sent(pattern_, rank_, bytes_per_peer, element_.bytes);
  received_ = blocks_received(pattern_, rank_, bytes_per_peer, element_.bytes);

  device_.forget();
  std::vector<Contestant> contestants;
  for (const std::unique_ptr<Library>& library : libraries) {
    Contestant& contestant = contestants.emplace_back(Contestant{*library, {}, {}});
    require(*library, device_.prepare(*library, call_into(receive_)));
    timed_calls(contestant, device_.rounded_up(options_.warmups_for(bytes_per_peer)));
  }

  MeasuredSize measured;
  measured.bytes_to_others = mean_bytes_to_others();
  for (const int asked : split_into_windows(options_.iterations_for(bytes_per_peer))) {
    const int calls = device_.rounded_up(asked);
    measured.calls += calls;
    for (Contestant& contestant : contestants) {
      contestant.seconds.push_back(timed_calls(contestant, calls) / calls);
    }
  }

  for (Contestant& contestant : contestants) {
    if (options_.validate && timed_bytes_ != Bytes::kChecked) {
      check(contestant, bytes_per_peer);
    }
    measured.by_library.push_back(
        {median_window(contestant.seconds, comm_), agree_passed(contestant, bytes_per_peer)});
  }
  return measured;
}

bool Exchange::agree_passed(const Contestant& contestant, std::size_t bytes_per_peer) const {
  const std::optional<Failure>& failure = contestant.failure;
  const int mine = failure ? rank_ : ranks_;
  int lowest = ranks_;
  MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm_);
  if (failure && lowest == rank_) {
    const WrongByte& byte = failure->byte;
    std::fprintf(stderr,
                 "validation failed: %s, %s, %zu bytes per peer, call %llu: rank %d, peer %d, "
                 "offset %td%s: expected 0x%02x, got 0x%02x\n",
                 contestant.library.name().name.c_str(), element_.name, bytes_per_peer,
                 static_cast<unsigned long long>(failure->call), rank_, byte.peer, byte.offset,
                 byte.guard ? " (guard outside the block)" : "", byte.expected, byte.got);
    std::fflush(stderr);
  }
  return lowest == ranks_;
}

}  // namespace causeway::osu
