// causeway as the benchmarks call it: exchange by exchange, and through plans.
#include "causeway_library.hpp"

#include <causeway/mpix.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace causeway::osu {
namespace {

/// What has made `comm` unusable, or "".
std::string failure_of(MPI_Comm comm) {
  int code = MPI_SUCCESS;
  const int asked = MPIX_Comm_get_error(comm, &code);
  return call_failure("exchange", asked == MPI_SUCCESS ? code : asked);
}

class CausewayCalls final : public Library {
 public:
  CausewayCalls(const Operation& operation, std::optional<void*> stream, bool registers)
      : Library({"causeway", "Causeway", "", true}),
        operation_(operation),
        stream_(stream),
        registers_(registers) {}

  std::string take(MPI_Comm comm, std::byte* buffer, std::size_t bytes) override {
    if (!registers_) {
      return {};
    }
    MPIX_Buffer registered = MPIX_BUFFER_NULL;
    const int code = MPIX_Buffer_register(comm, buffer, static_cast<MPI_Aint>(bytes), &registered);
    if (code == MPI_SUCCESS) {
      registered_.push_back(registered);
    }
    return call_failure("MPIX_Buffer_register", code);
  }

  std::string give_back() override {
    std::string error;
    for (MPIX_Buffer& buffer : registered_) {
      const int code = MPIX_Buffer_deregister(&buffer);
      error = error.empty() ? call_failure("MPIX_Buffer_deregister", code) : error;
    }
    registered_.clear();
    return error;
  }

  std::string exchange(const Call& call) override {
    comm_ = call.comm;
    return call_failure("exchange",
                        stream_ ? operation_.on_stream(call, *stream_) : operation_.causeway(call));
  }

  bool can_be_captured() const override { return stream_.has_value(); }
  std::string late_failure() const override { return failure_of(comm_); }

 private:
  const Operation operation_;
  const std::optional<void*> stream_;
  const bool registers_;
  std::vector<MPIX_Buffer> registered_;
  MPI_Comm comm_ = MPI_COMM_NULL;
};

class CausewayPlans final : public Library {
 public:
  CausewayPlans(const Operation& operation, void* stream)
      : Library({"causeway-plan", "Plan",
                 "MPIX_Plan_start of a plan made once per size, with a receive buffer of its own",
                 true}),
        operation_(operation),
        stream_(stream) {}

  Apart apart() const override { return {true, false, false}; }
  Buffer allocate(MPI_Comm comm, std::size_t bytes) override {
    Buffer buffer = allocate_shareable(comm, bytes);
    if (buffer && stream_ == nullptr) {
      // So that no timed call meets a page for the first time.
      std::memset(buffer.get(), 0, bytes);
    }
    return buffer;
  }

  std::string prepare(const Call& call) override {
    comm_ = call.comm;
    MPIX_Plan plan = MPIX_PLAN_NULL;
    const int code = operation_.plan(call, &plan);
    if (code == MPI_SUCCESS) {
      plans_.push_back({call.receive, plan});
    }
    return call_failure("plan", code);
  }

  std::string forget() override {
    std::string error;
    for (Planned& planned : plans_) {
      const int code = MPIX_Plan_free(&planned.plan);
      error = error.empty() ? call_failure("MPIX_Plan_free", code) : error;
    }
    plans_.clear();
    return error;
  }

  std::string exchange(const Call& call) override {
    // Of one size; the buffers that arrive are what prepared calls differ in.
    const auto planned = std::ranges::find(plans_, call.receive, &Planned::receive);
    return planned == plans_.end()
               ? std::string("exchange was not prepared")
               : call_failure("MPIX_Plan_start", MPIX_Plan_start(planned->plan, stream_));
  }

  bool can_be_captured() const override { return stream_ != nullptr; }
  std::string late_failure() const override { return failure_of(comm_); }

 private:
  struct Planned {
    void* receive;
    MPIX_Plan plan;
  };

  const Operation operation_;
  void* const stream_;
  std::vector<Planned> plans_;
  MPI_Comm comm_ = MPI_COMM_NULL;
};

}  // namespace

std::unique_ptr<Library> make_causeway(const Operation& operation, std::optional<void*> stream,
                                       bool registers) {
  return std::make_unique<CausewayCalls>(operation, stream, registers);
}

std::unique_ptr<Library> make_causeway_plan(const Operation& operation, void* stream) {
  return std::make_unique<CausewayPlans>(operation, stream);
}

Buffer allocate_shareable(MPI_Comm comm, std::size_t bytes) {
  void* memory = nullptr;
  if (MPIX_Mem_alloc(comm, static_cast<MPI_Aint>(bytes), &memory) != MPI_SUCCESS) {
    memory = nullptr;
  }
  return {static_cast<std::byte*>(memory), [](std::byte* buffer) { MPIX_Mem_free(buffer); }};
}

}  // namespace causeway::osu
