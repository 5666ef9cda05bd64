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
  /// the environment as it is. Over TCP it uses those of `interfaces`, separated by commas, unless
  /// that is empty. The calling thread takes no signals meanwhile.
  Status create(const std::string& interfaces);

  /// Instead of create(), for what describe() says: nothing listens.
  Status look();

  /// Whether the user, or the job's MPI, says which network devices UCX is to use.
  static Status is_told_devices(bool* told);

  /// An error unless `count` file descriptors can be had: UCX aborts where it can have none.
  static Status check_descriptors(int count);

  /// Fills in what the context found.
  void describe(NetworkFacts* facts) const;

  const UcxLibrary& ucx() const { return *ucx_; }
  ucp_worker_h handle() const { return worker_; }
  int events() const { return events_; }  ///< readable when the armed worker has something to do
  std::span<const std::byte> address() const { return address_; }

 private:
  Status open(const std::string& interfaces);
  Status make_context(ucp_config_t* config, const std::string& interfaces);
  Status adapt(ucp_config_t* config, const std::string& interfaces) const;
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
