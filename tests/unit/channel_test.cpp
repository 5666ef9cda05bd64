// The arithmetic of channels: places, credit, pieces, and what a receiver accepts.
#include <causeway/device/channel.hpp>
#include <causeway/device/host_device.hpp>
#include <causeway/device/impl/ll_words.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <vector>

namespace causeway::device {
namespace {

constexpr std::uint64_t kRing = 4096;

TEST(Place, KeepsARecordInOnePiece) {
  EXPECT_EQ(place(0, kRing, kRing), 0U);
  EXPECT_EQ(place(16, 64, kRing), 16U);
  EXPECT_EQ(place(kRing - 64, 64, kRing), kRing - 64);
  EXPECT_EQ(place(kRing - 48, 64, kRing), kRing);
  EXPECT_EQ(place(5 * kRing - 16, 32, kRing), 5 * kRing);
  EXPECT_EQ(place(~std::uint64_t{0} - 15, 32, kRing), 0U) << "the next place wraps to 0";
}

TEST(Credit, IsRightAtTheStartAndAcrossEveryWrap) {
  for (const std::uint64_t freed : {std::uint64_t{0}, (std::uint64_t{1} << 32) - 16,
                                    (std::uint64_t{1} << 63) - 16, ~std::uint64_t{0} - 15}) {
    EXPECT_TRUE(has_credit(freed, freed, kRing));
    EXPECT_TRUE(has_credit(freed + kRing, freed, kRing));
    EXPECT_FALSE(has_credit(freed + kRing + 16, freed, kRing));
    EXPECT_TRUE(reached(freed + 16, freed));
    EXPECT_TRUE(reached(freed, freed));
    EXPECT_FALSE(reached(freed, freed + 16));
  }
}

TEST(Told, SaysWhichLanesCarryAMessageOrThatItIsPast) {
  for (const std::uint64_t sequence : {std::uint64_t{5}, (std::uint64_t{1} << 55) - 1,
                                       (std::uint64_t{1} << 56) - 1, ~std::uint64_t{0}}) {
    const std::uint64_t word = told(sequence, 3);
    EXPECT_TRUE(tells_of(word, sequence));
    EXPECT_TRUE(tells_of(word, sequence - 1));
    EXPECT_FALSE(tells_of(word, sequence + 1));
    EXPECT_FALSE(tells_of_nothing(word, sequence, 2));
    EXPECT_TRUE(tells_of_nothing(word, sequence, 3));
    EXPECT_FALSE(tells_of_nothing(word, sequence + 1, 63)) << "of a later message it says nothing";
    EXPECT_TRUE(tells_of_nothing(word, sequence - 1, 0)) << "an earlier one is past";
    EXPECT_TRUE(tells_of_nothing(told(sequence, 0), sequence, 0));
  }
}

TEST(Pieces, CoverARecordInOrderWithoutStraddlingOrSplittingElements) {
  std::mt19937_64 random(20);
  for (int round = 0; round < 2000; ++round) {
    RecordHeader header{};
    header.granularity = static_cast<std::uint32_t>(1 + random() % 64);
    header.piece_bytes = round_down(kRing / 4, header.granularity) / (1 + random() % 4);
    header.piece_bytes = std::max<std::uint64_t>(round_down(header.piece_bytes, header.granularity),
                                                 header.granularity);
    header.bytes = random() % 200 * header.granularity;
    std::uint64_t cursor = random() / 16 * 16;
    std::uint64_t done = 0;
    while (done < header.bytes) {
      const Piece piece = next_piece(header, done, cursor, kRing);
      ASSERT_GT(piece.bytes, 0U);
      ASSERT_LT(piece.at - cursor, kRing / 4 + 16) << "skips less than a piece";
      ASSERT_EQ(piece.at % kPayloadAlign, 0U);
      ASSERT_GE(piece.end - piece.at, piece.bytes);
      ASSERT_LE((piece.at & (kRing - 1)) + piece.bytes, kRing);
      ASSERT_EQ(done % header.granularity, 0U);
      done += piece.bytes;
      cursor = piece.end;
    }
    ASSERT_EQ(done, header.bytes);
  }
}

TEST(AcceptedBytes, AreWholeElementsWithinTheCapacity) {
  EXPECT_EQ(accepted_bytes(0, 100, 100, 1), 100U);
  EXPECT_EQ(accepted_bytes(0, 100, 1000, 1), 100U);
  EXPECT_EQ(accepted_bytes(0, 100, 99, 1), 99U);
  EXPECT_EQ(accepted_bytes(0, 96, 95, 24), 72U);
  EXPECT_EQ(accepted_bytes(48, 96, 48, 24), 0U);
  EXPECT_EQ(accepted_bytes(48, 96, 0, 24), 0U);
  EXPECT_EQ(accepted_bytes(48, 96, 49 + 24, 24), 24U);
}

TEST(MemoryLinkOnTheHost, PutsGetsSignalsAndWaits) {
  std::vector<std::uint64_t> region(32);
  const MemoryLink<HostDevice> link{reinterpret_cast<std::byte*>(region.data())};
  const char text[] = "fifteen letters";
  link.put(ThreadGroup{}, 64, text, sizeof text);
  char back[sizeof text] = "";
  link.get(ThreadGroup{}, back, 64, sizeof text);
  EXPECT_STREQ(back, text);
  EXPECT_EQ(link.window(64), reinterpret_cast<std::byte*>(&region[8]));

  std::uint64_t abort_word = 0;
  const WaitControl control{.abort_word = &abort_word, .timeout_ns = 20'000'000, .spins = 10};
  Fault fault = Fault::kNone;
  link.signal(128, 7);
  EXPECT_TRUE(link.wait(&region[16], control, fault, [](auto value) { return value == 7; }));
  EXPECT_FALSE(link.wait(&region[16], control, fault, [](auto value) { return value == 8; }));
  EXPECT_EQ(fault, Fault::kTimedOut);
  abort_word = 1;
  EXPECT_FALSE(link.wait(&region[16], control, fault, [](auto value) { return value == 8; }));
  EXPECT_EQ(fault, Fault::kAborted);
}

TEST(ReadProcess, CopiesFromAnotherProcessOrSaysWhyNot) {
  std::vector<std::byte> there(100'000, std::byte{7});
  int begin[2];
  int end[2];
  ASSERT_EQ(pipe(begin), 0);
  ASSERT_EQ(pipe(end), 0);
  const pid_t child = fork();
  char word = 0;
  if (child == 0) {
    there.assign(there.size(), std::byte{8});
    _exit(write(begin[1], &word, 1) == 1 && read(end[0], &word, 1) == 1 ? 0 : 1);
  }
  ASSERT_EQ(read(begin[0], &word, 1), 1);
  std::vector<std::byte> here(there.size());
  const int error = HostDevice::read_process(child, here.data(), there.data(), there.size());
  if (error == 0) {
    EXPECT_EQ(here, std::vector<std::byte>(here.size(), std::byte{8}));
    EXPECT_EQ(HostDevice::read_process(child, here.data(), nullptr, 1), EFAULT);
  }
  EXPECT_EQ(HostDevice::read_process(0, here.data(), there.data(), there.size()), 0);
  EXPECT_EQ(here, there);
  ASSERT_EQ(write(end[1], &word, 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(HostDevice::read_process(child, here.data(), there.data(), 1), HostDevice::kNoProcess);
  for (const int descriptor : {begin[0], begin[1], end[0], end[1]}) close(descriptor);
  if (error != 0)
    GTEST_SKIP() << "processes may not read each other here: " << std::strerror(error);
}

TEST(Wait, LetsTheRestOfTheProgramMoveOn) {
  static std::uint64_t word = 0;
  const std::uint64_t abort_word = 0;
  const WaitControl control{
      .abort_word = &abort_word, .timeout_ns = 5'000'000'000, .spins = 1000, .idle = [] {
        HostDevice::store_release(&word, 1);
      }};
  Fault fault = Fault::kNone;
  EXPECT_TRUE(wait_until<HostDevice>(&word, control, fault, [](auto value) { return value == 1; }));
}

TEST(FaultReports, TheFirstOfEachGravityCountsAndAFatalOneFailsAll) {
  FaultReports reports{};
  FaultClaims claims{};
  std::uint64_t failed_before = failure_word(Fault::kPeerEnded, 7);
  std::uint64_t working = 0;
  std::uint64_t* const abort_words[] = {&failed_before, &working};
  const WaitControl control{.abort_word = &working,
                            .abort_words = abort_words,
                            .abort_word_count = 2,
                            .rank = 9,
                            .reports = &reports,
                            .claims = &claims};
  const auto report = [&](Fault fault, std::uint32_t peer) {
    report_fault<HostDevice>(control, {fault, WaitFor::kNothing, peer, 0, 0, 0, 0, 0});
  };
  report(Fault::kTruncated, 1);
  report(Fault::kTruncated, 2);
  EXPECT_EQ(working, 0U);
  report(Fault::kTimedOut, 3);
  report(Fault::kAborted, 4);
  report(Fault::kDeclined, 5);
  EXPECT_EQ(reports.truncated.peer, 1U);
  EXPECT_EQ(reports.fatal.peer, 3U);
  EXPECT_EQ(reports.fatal.fault, Fault::kTimedOut);
  EXPECT_EQ(reports.declined.peer, 5U);
  EXPECT_EQ(working, failure_word(Fault::kTimedOut, 9, 3));
  EXPECT_EQ(failed_before, failure_word(Fault::kPeerEnded, 7));
}

TEST(Words, OfAMessageAreLoadedAndStoredToItsLastByteAndNoFurther) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  for (std::uint32_t trial = 0; trial < 2000; ++trial) {
    const auto bytes = static_cast<std::uint32_t>(1 + random() % 40);
    const auto shift = static_cast<std::uint32_t>(random() % 2 == 0 ? 0 : random() % 8);
    alignas(8) std::byte from[56];
    alignas(8) std::byte to[56];
    for (std::byte& byte : from) byte = static_cast<std::byte>(random());
    std::byte expected[56];
    std::memcpy(expected, from, sizeof expected);
    for (std::size_t i = 0; i < sizeof to; ++i) to[i] = ~from[i];
    for (std::size_t i = 0; i < sizeof to; ++i) {
      if (i < shift || i >= shift + bytes) expected[i] = to[i];
    }
    // As a group of one thread takes them: kWordsInFlight at a time.
    for (std::uint32_t first = 0; first < impl::words_in(bytes); first += impl::kWordsInFlight) {
      const impl::HeldWords held = impl::load_words(ThreadGroup{}, from + shift, bytes, first);
      for (std::uint32_t j = 0; j < impl::kWordsInFlight; ++j) {
        const std::uint32_t at = (first + j) * impl::kWordBytes;
        if (at < bytes) impl::store_word_or_tail(to + shift + at, held.word[j], bytes - at);
      }
    }
    ASSERT_EQ(std::memcmp(to, expected, sizeof to), 0)
        << bytes << " bytes at " << shift << ", seed " << seed;
  }
}

}  // namespace
}  // namespace causeway::device
