// A UCX context and worker, set up as the engine needs them.
#pragma once

#include "facts.hpp"
#include "status.hpp"
#include "ucx_library.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace causeway {

/// Used by one thread at a time. Its end gives back what it has; not to be called once peers know
/// the address: UCX 1.13 aborts when a worker ends while a peer is still connecting to it.
class UcxWorker {
 public:
  UcxWorker() = default;
  ~UcxWorker();
  UcxWorker(const UcxWorker&) = delete;
  UcxWorker& operator=(const UcxWorker&) = delete;

  /// Once. Takes UCX's settings from the environment but for what the engine relies on, and leaves
  /// the environment as it is. The calling thread takes no signals meanwhile.
  Status create();

  /// Whether so many file descriptors can be had: UCX aborts where it can have none.
  static Status check_descriptors(int count);

  /// Fills in what the context found.
  void describe(NetworkFacts* facts) const;

  const UcxLibrary& ucx() const { return *ucx_; }
  ucp_worker_h handle() const { return worker_; }
  int events() const { return events_; }  ///< readable when the armed worker has something to do
  std::span<const std::byte> address() const { return address_; }

 private:
  Status make_context(ucp_config_t* config);
  Status adapt(ucp_config_t* config) const;
  Status make_worker();
  std::uint64_t memory_types() const;
  std::vector<std::string> resources() const;

  const UcxLibrary* ucx_ = nullptr;
  ucp_context_h context_ = nullptr;
  ucp_worker_h worker_ = nullptr;
  int events_ = -1;
  std::vector<std::byte> address_;
};

}  // namespace causeway
