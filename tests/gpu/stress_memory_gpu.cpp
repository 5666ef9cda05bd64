// The stress in GPU memory.
#include "gpu.hpp"
#include "stress_memory.hpp"

#include <memory>
#include <utility>

namespace causeway::test {

const char* const kStressDevice = "cuda";

bool stress_device_is_there() { return has_gpu(); }

void use_device_of_rank(int rank) { use_gpu(rank); }

StressExchange in_stress_memory(StressExchange exchange) {
  auto pool_copy = std::make_shared<GpuBytes>();
  auto received_copy = std::make_shared<GpuBytes>(GpuBytes::Kind::kShareable);
  return [=, exchange = std::move(exchange)](int communicator, std::span<const std::byte> pool,
                                             std::span<std::byte> received,
                                             const StressBlocks& blocks) {
    if (pool_copy->bytes().empty()) pool_copy->upload(pool);
    received_copy->upload(received);
    std::string problem =
        exchange(communicator, pool_copy->bytes(), received_copy->bytes(), blocks);
    received_copy->download(received);
    return problem;
  };
}

}  // namespace causeway::test
