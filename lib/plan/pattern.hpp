// Patterns: which ranks an exchange is between, whatever its blocks are. Pure: no MPI, no device.
#pragma once

#include <args.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace causeway {

/// The tags of what a rank sends and receives in an exchange.
struct Tags {
  std::uint32_t send;
  std::uint32_t receive;
  bool any = false;  ///< whatever tag a caller gave a message will do

  bool operator==(const Tags&) const = default;
};

constexpr Tags tags_of(kernels::Operation operation) {
  return {kernels::tag_of(operation), kernels::tag_of(operation)};
}

/// A block that one rank has for another, or for itself.
struct Edge {
  std::uint32_t peer;   ///< rank at the other end
  std::uint32_t block;  ///< its place in this rank's list of what it sends, or receives

  bool operator==(const Edge&) const = default;
};

/// Edges whose messages travel in one launch. No peer is twice in a list, and each list is in
/// ascending order of hops: of how many ranks, counted round the communicator, the receiver is
/// behind the sender.
struct Round {
  std::vector<Edge> sends;
  std::vector<Edge> receives;
  std::optional<std::uint32_t> to_self;    ///< block that the rank sends itself,
  std::optional<std::uint32_t> from_self;  ///< and the one that it asks itself for

  bool operator==(const Round&) const = default;
};

/// The edges of one rank in an exchange. Round k has the k-th edge from each rank to each: the two
/// ends of an edge know so its round, and whether there is an edge the other way in that round. A
/// rank makes its rounds in ascending order, and has as many as its own edges need. Ranks with
/// different numbers of them never wait for each other in a circle: both ends of every message make
/// messages by rounds and then by hops, so that the lowest unfinished message of all ranks can
/// always go on.
struct Pattern {
  kernels::Operation operation = kernels::Operation::kAlltoallv;
  std::vector<Round> rounds;
  Tags tags = tags_of(operation);
  bool any_source = false;  ///< whoever sends first will do for the peer of its only receive

  bool operator==(const Pattern&) const = default;
};

/// Of an alltoallv between `ranks` ranks: block j is for or from rank j.
Pattern pattern_of_all(int self, int ranks);

/// Of rank `self` with these edges, itself among the peers. Where several go from one rank to
/// another, their order is the same in the first's `sends` as in the second's `receives`.
Pattern pattern_of_edges(kernels::Operation operation, int self, int ranks,
                         std::span<const Edge> sends, std::span<const Edge> receives);

}  // namespace causeway
