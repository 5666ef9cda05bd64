// What a network link posts, and what the peer's blocks take of it.
#include <device_backend.hpp>
#include <network_blocks.hpp>
#include <seed.hpp>

#include <causeway/device/host_device.hpp>
#include <causeway/device/link.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace causeway {
namespace {

using device::NetworkPost;

constexpr std::uint64_t kRingBytes = 4096;
constexpr std::uint64_t kWord = 8;

/// The blocks of rank `rank` of two on hosts of their own, and a port that carries its posts to
/// those of the other rank.
class End : public device::NetworkPort {
 public:
  End(DeviceBackend& backend, int rank) : rank_(rank) {
    Place places[2]{};
    places[1].host_id = 1;
    topology_ = Topology(rank, {places[0], places[1]});
    EXPECT_TRUE(blocks.create(topology_, {1, kRingBytes, 0, 0}, backend).ok());
    post = [](NetworkPort& port, const NetworkPost& what) {
      auto& self = static_cast<End&>(port);
      self.posts.push_back(what);
      std::vector<std::byte> data;
      for (std::uint32_t i = 0; i < what.ranges; ++i) {
        const std::byte* const begin = self.block() + what.range[i].offset;
        data.insert(data.end(), begin, begin + what.range[i].bytes);
      }
      EXPECT_TRUE(self.peer->blocks.store(self.rank_, what, data.data(), data.size()));
    };
    drive = [](NetworkPort&) {};
  }

  /// This rank's copy of the peer's block.
  std::byte* block() { return blocks.ring(1 - rank_, 0, true) - NetworkPost::kRing; }

  NetworkBlocks blocks;
  End* peer = nullptr;
  std::vector<NetworkPost> posts;

 private:
  const int rank_;
  Topology topology_;
};

class NetworkLinkTest : public testing::Test {
 protected:
  NetworkLinkTest() { sender_.peer = &receiver_; }

  const std::unique_ptr<DeviceBackend> backend_ = make_host_backend();
  End sender_{*backend_, 0};
  End receiver_{*backend_, 1};
  const std::uint64_t no_abort_ = 0;
  const device::WaitControl control_{.abort_word = &no_abort_};
  const device::NetworkLink<device::HostDevice> link_{
      {device::LinkKind::kNetwork, sender_.block(), &sender_, 1, 0, true}, control_};
};

TEST_F(NetworkLinkTest, PiecesOfAnyNumberArriveBeforeTheirWord) {
  std::mt19937_64 random(test::test_seed());
  const device::ThreadGroup group;
  std::vector<std::byte> expected(kRingBytes);
  const std::byte* const arrived = receiver_.blocks.ring(0, 0, false);
  const auto* const word =
      reinterpret_cast<const std::uint64_t*>(receiver_.blocks.words(0, 0, false) + kWord);
  for (std::uint64_t signal = 1; signal <= 2000; ++signal) {
    const std::uint64_t pieces = random() % 12;
    for (std::uint64_t i = 0; i < pieces; ++i) {
      std::vector<std::byte> piece(random() % 100);
      for (std::byte& byte : piece) byte = static_cast<std::byte>(random());
      const std::uint64_t at = random() % (kRingBytes - piece.size());
      std::ranges::copy(piece, expected.begin() + static_cast<std::ptrdiff_t>(at));
      link_.put(group, NetworkPost::kRing + at, piece.data(), piece.size());
    }
    link_.signal(kWord, signal);
    ASSERT_EQ(sender_.posts.size(), signal);
    ASSERT_LE(sender_.posts.back().ranges, NetworkPost::kMostRanges);
    ASSERT_EQ(*word, signal);
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), arrived)) << "signal " << signal;
  }
}

TEST_F(NetworkLinkTest, PiecesThatTouchAreOneAndFewStayApart) {
  const device::ThreadGroup group;
  for (std::uint64_t i = 0; i < NetworkPost::kMostRanges; ++i) {
    link_.commit(group, NetworkPost::kRing + 100 * i, 30);
    link_.commit(group, NetworkPost::kRing + 100 * i + 30, 20);
  }
  link_.signal(kWord, 1);
  ASSERT_EQ(sender_.posts.back().ranges, NetworkPost::kMostRanges);
  for (std::uint64_t i = 0; i < NetworkPost::kMostRanges; ++i) {
    EXPECT_EQ(sender_.posts.back().range[i].offset, NetworkPost::kRing + 100 * i);
    EXPECT_EQ(sender_.posts.back().range[i].bytes, 50U);
  }
}

TEST_F(NetworkLinkTest, APostThatDoesNotFitStoresNothing) {
  const std::vector<std::byte> data(200, std::byte{7});
  const NetworkPost fits{0, 0, 1, 2, {{NetworkPost::kRing, 100}, {1000, 100}}, kWord, 5};
  std::vector<NetworkPost> posts(7, fits);
  posts[0].lane = 1;
  posts[1].ranges = NetworkPost::kMostRanges + 1;
  posts[2].range[1].offset = NetworkPost::kRing + kRingBytes - 99;
  posts[3].range[1].bytes = 99;
  posts[4].range[1].bytes = ~std::uint64_t{0} - 99;  // the sum wraps
  posts[5].word_offset = NetworkPost::kRing;
  posts[6].word_offset = ~std::uint64_t{7};
  for (const NetworkPost& post : posts) {
    EXPECT_FALSE(receiver_.blocks.store(0, post, data.data(), data.size()));
  }
  const std::byte* const ring = receiver_.blocks.ring(0, 0, false);
  EXPECT_TRUE(std::all_of(ring, ring + kRingBytes, [](std::byte b) { return b == std::byte{}; }));
  EXPECT_EQ(receiver_.blocks.words(0, 0, false)[kWord], std::byte{});
  EXPECT_TRUE(receiver_.blocks.store(0, fits, data.data(), data.size()));
}

}  // namespace
}  // namespace causeway
