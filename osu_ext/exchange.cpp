// One alltoallv by any library: called, timed in windows and validated.
#include "exchange.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

namespace causeway::osu {
namespace {

/// Page-aligned, as OSU's buffers are.
constexpr std::align_val_t kBufferAlignment{4096};

}  // namespace

std::string error_sentence(int code) {
  char sentence[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, sentence, &length);
  return {sentence, static_cast<std::size_t>(length)};
}

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

void Exchange::FreeAligned::operator()(std::byte* buffer) const {
  ::operator delete(buffer, kBufferAlignment);
}

Exchange::Buffer Exchange::allocated(std::size_t extent) {
  auto* const memory =
      static_cast<std::byte*>(::operator new(extent, kBufferAlignment, std::nothrow));
  if (memory != nullptr) {
    // Touched here, so that no timed call meets a page for the first time.
    std::memset(memory, 0, extent);
  }
  return Buffer(memory);
}

Exchange::Exchange(const Options& options, MPI_Comm comm) : options_(options), comm_(comm) {
  MPI_Comm_rank(comm_, &rank_);
  MPI_Comm_size(comm_, &ranks_);
  pattern_ = {ranks_, options.skew, options.sparsity, options.seed, options.in_place};
}

bool Exchange::allocate(std::size_t largest) {
  const std::size_t extent = extent_bound(ranks_, largest);
  const bool needs_send = !options_.in_place;
  const bool needs_spare = options_.validate && options_.validation_warmups > 0;
  receive_ = allocated(extent);
  send_ = needs_send ? allocated(extent) : nullptr;
  spare_ = needs_spare ? allocated(extent) : nullptr;
  int complete = receive_ && (send_ || !needs_send) && (spare_ || !needs_spare) ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &complete, 1, MPI_INT, MPI_MIN, comm_);
  return complete == 1;
}

void Exchange::call(const Library& library, std::byte* receive) {
  const void* const send = options_.in_place ? MPI_IN_PLACE : send_.get();
  const int code = library.alltoallv(send, sent_.counts.data(), sent_.displacements.data(),
                                     element_.type, receive, received_.counts.data(),
                                     received_.displacements.data(), element_.type, comm_);
  if (code == MPI_SUCCESS) {
    return;
  }
  std::fprintf(stderr, "rank %d: %s's alltoallv returned error %d: %s\n", rank_, library.name, code,
               error_sentence(code).c_str());
  // The other ranks may be waiting in the exchange for this one.
  MPI_Abort(comm_, 1);
}

void Exchange::write_payload() {
  const Stamp stamp{options_.seed, calls_};
  if (options_.in_place) {
    write_sent(receive_.get(), received_, rank_, stamp);
  } else {
    write_sent(send_.get(), sent_, rank_, stamp);
    spoil_received(receive_.get(), received_, rank_, stamp);
  }
}

double Exchange::timed_call(const Library& library, std::optional<Failure>& failure) {
  ++calls_;
  if (options_.validate) {
    write_payload();
    // Writing and checking leaves the caches in another state than a run of exchanges does; these
    // calls restore it.
    for (int warmup = 0; warmup < options_.validation_warmups; ++warmup) {
      MPI_Barrier(comm_);
      call(library, spare_.get());
    }
  }
  MPI_Barrier(comm_);
  const double start = MPI_Wtime();
  call(library, receive_.get());
  const double stop = MPI_Wtime();
  if (options_.validate && !failure) {
    // No barrier before this: what arrives only after the call has returned is late.
    const auto wrong = find_wrong_byte(receive_.get(), received_, rank_, {options_.seed, calls_});
    if (wrong) {
      failure = {*wrong, calls_};
    }
  }
  return stop - start;
}

std::vector<Measured> Exchange::measure(std::span<const Library> libraries, Element element,
                                        std::size_t bytes_per_peer) {
  element_ = element_type(element);
  sent_ = blocks_sent(pattern_, rank_, bytes_per_peer, element_.bytes);
  received_ = blocks_received(pattern_, rank_, bytes_per_peer, element_.bytes);

  std::vector<std::optional<Failure>> failures(libraries.size());
  for (std::size_t i = 0; i < libraries.size(); ++i) {
    for (int warmup = 0; warmup < options_.warmups_for(bytes_per_peer); ++warmup) {
      timed_call(libraries[i], failures[i]);
    }
  }

  std::vector<std::vector<double>> seconds(libraries.size());
  for (const int calls : split_into_windows(options_.iterations_for(bytes_per_peer))) {
    for (std::size_t i = 0; i < libraries.size(); ++i) {
      double sum = 0.0;
      for (int n = 0; n < calls; ++n) {
        sum += timed_call(libraries[i], failures[i]);
      }
      seconds[i].push_back(sum / calls);
    }
  }

  std::vector<Measured> measured;
  for (std::size_t i = 0; i < libraries.size(); ++i) {
    measured.push_back({median_window(seconds[i], comm_),
                        agree_passed(libraries[i], failures[i], bytes_per_peer)});
  }
  return measured;
}

bool Exchange::agree_passed(const Library& library, const std::optional<Failure>& failure,
                            std::size_t bytes_per_peer) const {
  const int mine = failure ? rank_ : ranks_;
  int lowest = ranks_;
  MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm_);
  if (failure && lowest == rank_) {
    const WrongByte& byte = failure->byte;
    std::fprintf(stderr,
                 "validation failed: %s, %s, %zu bytes per peer, call %llu: rank %d, peer %d, "
                 "offset %td%s: expected 0x%02x, got 0x%02x\n",
                 library.name, element_.name, bytes_per_peer,
                 static_cast<unsigned long long>(failure->call), rank_, byte.peer, byte.offset,
                 byte.guard ? " (guard outside the block)" : "", byte.expected, byte.got);
    std::fflush(stderr);
  }
  return lowest == ranks_;
}

}  // namespace causeway::osu
