// DescriptorServer: hands open descriptors to other processes that may not look into this one.
#pragma once

#include "status.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <set>
#include <thread>

namespace causeway {

/// Where a process serves its descriptors, and what it has to be told for it. Plain data; only for
/// ranks of the job.
struct DescriptorDesk {
  pid_t pid;
  std::uint64_t name;    ///< random, as is the key; anyone on the machine may see it
  std::uint64_t key[2];  ///< only those who are told it
};

/// The desk of this process, whether it serves or not.
const DescriptorDesk& own_desk();

/// Serves whoever runs as the same user and shows the key, over a Unix-domain socket of the network
/// namespace: that takes no permission to trace the process, which /proc asks for. One thread of
/// the process, as long as anyone holds the server.
class DescriptorServer {
 public:
  /// Any thread. kSystem where the socket or the thread cannot be had.
  static Status get(std::shared_ptr<DescriptorServer>* server);
  ~DescriptorServer();
  DescriptorServer(const DescriptorServer&) = delete;
  DescriptorServer& operator=(const DescriptorServer&) = delete;

 private:
  DescriptorServer() = default;
  Status start();
  void run();
  bool serve();
  void accept_client();
  static void answer(int client);

  int listener_ = -1;
  int stop_ = -1;
  std::set<int> clients_;  ///< who have not asked yet
  std::thread thread_;
};

/// Fetches a descriptor of another process that serves; it is the caller's to close. Waits for ten
/// seconds at most for each step. The message of an error is a part of a sentence.
Status fetch_descriptor(const DescriptorDesk& desk, int descriptor, int* fetched);

}  // namespace causeway
