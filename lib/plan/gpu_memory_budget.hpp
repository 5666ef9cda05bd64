// How much of a GPU's memory channels take where the user does not say. Pure: no MPI, no device.
#pragma once

#include <cstdint>

namespace causeway {

/// Bytes of each of a rank's `rings` rings: a power of two.
std::uint64_t gpu_ring_bytes(std::uint64_t rings);

/// Largest message that travels in lines of ll between `ranks` ranks of a host, and in those of
/// ll128, over `lanes` lanes of each pair.
std::uint64_t gpu_ll_bytes(std::uint64_t ranks);
std::uint64_t gpu_ll128_bytes(std::uint64_t ranks, std::uint64_t lanes);

}  // namespace causeway
