// Messages that a rank receives from whoever sends first, between exchanges of all with all.
#include "random_exchange.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <gtest/gtest.h>
#include <pattern.hpp>

#include <algorithm>
#include <thread>
#include <vector>

namespace causeway::test {
namespace {

Status send_to(Communicator& communicator, int to, std::uint64_t number, std::uint64_t bytes,
               std::int32_t tag) {
  const auto rank = static_cast<std::uint64_t>(communicator.rank());
  std::vector<std::byte> out(bytes + 1);
  write_expected(out.data(), bytes, number, rank, static_cast<std::uint64_t>(to));
  Pattern pattern{kernels::Operation::kSendrecv, std::vector<Round>(1)};
  pattern.tags.send = kernels::tag_of_message(tag);
  pattern.rounds[0].sends.push_back({static_cast<std::uint32_t>(to), 0});
  const Extent block{0, bytes};
  device::MessageInfo heard{};
  return communicator.exchange({out.data(), {&block, 1}, nullptr, {}, false, &pattern}, &heard);
}

/// Receives a message of any source and tag.
Status receive(Communicator& communicator, std::vector<std::byte>* in, device::MessageInfo* heard) {
  Pattern pattern{kernels::Operation::kSendrecv, std::vector<Round>(1)};
  pattern.tags.receive = kernels::tag_of_message(0);
  pattern.tags.any = true;
  pattern.any_source = true;
  const auto next = static_cast<std::uint32_t>((communicator.rank() + 1) % communicator.size());
  pattern.rounds[0].receives.push_back({next, 0});
  const Extent block{0, in->size()};
  return communicator.exchange({nullptr, {}, in->data(), {&block, 1}, false, &pattern}, heard);
}

/// Receives a message of sizes[source] bytes from every other rank, in any order.
void take_all(Communicator& communicator, std::uint64_t number,
              const std::vector<std::uint64_t>& sizes, std::uint64_t most) {
  const auto rank = static_cast<std::uint64_t>(communicator.rank());
  std::vector<bool> has(sizes.size(), false);
  has[rank] = true;
  for (std::size_t k = 1; k < sizes.size(); ++k) {
    std::vector<std::byte> in(most, Buffer::kGuard);
    device::MessageInfo heard{};
    const Status received = receive(communicator, &in, &heard);
    ASSERT_TRUE(received.ok()) << received.message();
    ASSERT_LT(heard.source, has.size());
    ASSERT_FALSE(has[heard.source]) << "again from rank " << heard.source;
    has[heard.source] = true;
    ASSERT_EQ(heard.bytes, sizes[heard.source]);
    ASSERT_EQ(heard.tag, kernels::tag_of_message(static_cast<std::int32_t>(heard.source)));
    std::vector<std::byte> expected(in.size(), Buffer::kGuard);
    write_expected(expected.data(), heard.bytes, number, heard.source, rank);
    ASSERT_EQ(in, expected) << "message " << number << " from rank " << heard.source;
  }
}

class AnySource : public testing::TestWithParam<Shape> {};

TEST_P(AnySource, TakesWhatComesBetweenOtherExchanges) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  run_ranks(shape.ranks, shape.settings, [&](Communicator& communicator) {
    Random shared(seed);
    Random own(seed + 1 + static_cast<std::uint64_t>(communicator.rank()));
    const int rank = communicator.rank();
    for (int e = 0; e < repeats(shape.exchanges); ++e) {
      const std::uint64_t number = 2 * static_cast<std::uint64_t>(e);
      const Counts counts = random_counts(shared, shape.ranks, shape.most);
      const int receiver = static_cast<int>(shared() % static_cast<std::uint64_t>(shape.ranks));
      if (rank == receiver) {
        take_all(communicator, number, column(counts, rank), shape.most);
      } else {
        const std::uint64_t bytes =
            counts[static_cast<std::size_t>(rank)][static_cast<std::size_t>(receiver)];
        const Status sent = send_to(communicator, receiver, number, bytes, rank);
        ASSERT_TRUE(sent.ok()) << sent.message();
      }
      if (testing::Test::HasFatalFailure()) return;
      // Ranks go on to this before others have sent.
      exchange_once(communicator, own, random_counts(shared, shape.ranks, shape.most), number + 1);
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

TEST(AnySourceTimeout, NamesNoRankThatWasWaitedFor) {
  run_ranks(2, {{"CAUSEWAY_TIMEOUT", "1"}}, [&](Communicator& communicator) {
    if (communicator.rank() == 1) {
      std::vector<std::byte> in(8);
      device::MessageInfo heard{};
      const Status waited = receive(communicator, &in, &heard);
      EXPECT_EQ(waited.kind(), ErrorKind::kFailed);
      EXPECT_EQ(waited.message(),
                "rank 1 waited too long (CAUSEWAY_TIMEOUT) for a message from any source");
    } else {
      while (communicator.error().ok()) std::this_thread::yield();
      EXPECT_EQ(communicator.error().message(),
                "rank 0: the communicator has failed: rank 1 waited too long (CAUSEWAY_TIMEOUT) "
                "for the other ranks");
    }
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, AnySource,
    testing::Values(
        Shape{"two", 2, {{"CAUSEWAY_RING_BYTES", "4096"}}, 20'000, 60},
        Shape{"five", 5, {{"CAUSEWAY_RING_BYTES", "8K"}, {"CAUSEWAY_LANES", "3"}}, 50'000, 60},
        Shape{"pulled",
              4,
              {{"CAUSEWAY_RING_BYTES", "4096"},
               {"CAUSEWAY_CMA", "auto"},
               {"CAUSEWAY_TUNE", "*:memory:*:protocol=pull"}},
              20'000,
              60},
        Shape{"without_lines",
              4,
              {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LL_BYTES", "0"}},
              20'000,
              60},
        Shape{"counts_pass_2_to_64",
              3,
              {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_START_COUNT", "18446744073709551600"}},
              20'000,
              60}),
    name_of);

}  // namespace
}  // namespace causeway::test
