// The host as a benchmark's device: page-aligned memory, every call timed by itself.
#include "causeway_library.hpp"
#include "device.hpp"

#include <cstring>
#include <new>

namespace causeway::osu {
namespace {

/// Page-aligned, as OSU's buffers are.
constexpr std::align_val_t kBufferAlignment{4096};

Buffer own_memory(std::size_t bytes) {
  return {static_cast<std::byte*>(::operator new(bytes, kBufferAlignment, std::nothrow)),
          [](std::byte* buffer) { ::operator delete(buffer, kBufferAlignment); }};
}

class HostDevice final : public Device {
 public:
  explicit HostDevice(MPI_Comm sharing) : sharing_(sharing) {}

  const char* name() const override { return "host"; }

  Buffer allocate(std::size_t bytes) override {
    Buffer buffer =
        sharing_ == MPI_COMM_NULL ? own_memory(bytes) : allocate_shareable(sharing_, bytes);
    if (buffer) {
      // Touched here, so that no timed call meets a page for the first time.
      std::memset(buffer.get(), 0, bytes);
    }
    return buffer;
  }

  Buffer allocate_mirror(std::size_t) override { return no_buffer(); }
  bool has_mirrors() const override { return false; }

  std::string copy(std::byte* to, const std::byte* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
    return {};
  }

  std::string pack_rows(std::byte* to, const std::byte* from, const Rows& rows, bool) override {
    for (std::size_t row = 0; row < rows.rows; ++row) {
      std::memcpy(to + row * rows.bytes, from + row * rows.pitch, rows.bytes);
    }
    return {};
  }

  int calls_per_turn(int) const override { return 1; }
  int rounded_up(int calls) const override { return calls; }

  std::string prepare(Library&, const Call&) override { return {}; }
  void forget() override {}

  std::string run(Library& library, const Call& call, int times) override {
    std::string error;
    for (int n = 0; n < times && error.empty(); ++n) {
      error = library.exchange(call);
    }
    return error;
  }

 private:
  const MPI_Comm sharing_;
};

}  // namespace

std::unique_ptr<Device> make_host_device(MPI_Comm sharing) {
  return std::make_unique<HostDevice>(sharing);
}

}  // namespace causeway::osu
