// Copies of planned exchanges on the copy engines of a GPU. Only in builds with CUDA.
#pragma once

#include "device_backend.hpp"

#include <memory>
#include <vector>

namespace causeway {

/// Prepares copies from a GPU. Where `on_several_streams`, those that are not enqueued as one batch
/// may run beside each other.
Status make_cuda_copies(int gpu, bool on_several_streams, std::vector<PeerCopy> list,
                        std::unique_ptr<EngineCopies>* copies);

}  // namespace causeway
