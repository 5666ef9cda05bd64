// Which ranks share memory, and how descriptors get to those that may not look into a process.
#include <descriptor_server.hpp>
#include <shared_segment.hpp>
#include <sharing.hpp>
#include <thread_bootstrap.hpp>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace causeway {
namespace {

std::vector<Place> places_of(const std::vector<std::uint64_t>& hosts) {
  std::vector<Place> places;
  for (const std::uint64_t host : hosts) {
    places.push_back(this_place());
    places.back().host_id = host;
    places.back().process_id = places.size();
  }
  return places;
}

/// By rank, the lowest rank of its host.
std::vector<std::size_t> leaders(const std::vector<Place>& places) {
  std::vector<std::size_t> found;
  for (const Place& place : places) {
    std::size_t first = 0;
    while (places[first].host_id != place.host_id) ++first;
    found.push_back(first);
  }
  return found;
}

Opened all_opened(const std::vector<Place>& places) {
  Opened opened(places);
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    for (const std::size_t other : opened.neighbours(rank)) opened.set(rank, other, true);
  }
  EXPECT_TRUE(opened.complete());
  return opened;
}

TEST(SplitHosts, KeepsHostsTogetherWhereAllOpenAllMemory) {
  std::vector<Place> places = places_of({7, 8, 7, 8, 7});
  split_hosts(all_opened(places), &places);
  for (std::size_t rank = 0; rank < 5; ++rank) EXPECT_EQ(places[rank].host_id, 7 + rank % 2);
}

TEST(SplitHosts, OneDirectionIsNotEnough) {
  std::vector<Place> places = places_of({7, 7, 7});
  Opened opened = all_opened(places);
  opened.set(2, 0, false);
  EXPECT_FALSE(opened.complete());
  EXPECT_FALSE(opened.complete(0));
  EXPECT_TRUE(opened.complete(1));
  split_hosts(opened, &places);
  // Rank 1 shares memory with both, and goes with the first of them.
  EXPECT_EQ(leaders(places), (std::vector<std::size_t>{0, 0, 2}));
}

TEST(SplitHosts, MakesNewHostsOfThoseThatShare) {
  std::vector<Place> places = places_of({7, 7, 8, 7, 7, 8});
  Opened opened = all_opened(places);
  for (const std::size_t a : {0, 3}) {
    for (const std::size_t b : {1, 4}) opened.set(a, b, false);
  }
  split_hosts(opened, &places);
  EXPECT_EQ(leaders(places), (std::vector<std::size_t>{0, 1, 2, 0, 1, 2}));
}

TEST(SplitHosts, TakesAsManyRanksAsThereAre) {
  std::vector<Place> places = places_of(std::vector<std::uint64_t>(200, 7));
  Opened opened = all_opened(places);
  for (std::size_t rank = 1; rank < 200; rank += 2) opened.set(rank, 100, false);
  split_hosts(opened, &places);
  const std::vector<std::size_t> found = leaders(places);
  for (std::size_t rank = 0; rank < 200; ++rank) EXPECT_EQ(found[rank], rank == 100 ? 100U : 0U);
}

TEST(ShareByTrial, ARankThatNobodyCanOpenIsAHostOfItsOwnOnAllRanks) {
  const std::vector<Place> named = [] {
    std::vector<Place> places = places_of({7, 7, 7, 8});
    // What says that it is rank 1's memory is in a process that has none of it.
    places[1].desk.pid = 1;
    return places;
  }();
  const ThreadWorld world(4);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 4; ++rank) {
    threads.emplace_back([&, rank] {
      std::vector<Place> places = named;
      std::vector<std::string> why;
      std::shared_ptr<DescriptorServer> server;
      const auto bootstrap = world.bootstrap(rank);
      const Status tried = share_by_trial(*bootstrap, &places, &why, &server);
      ASSERT_TRUE(tried.ok()) << tried.message();
      EXPECT_EQ(leaders(places), (std::vector<std::size_t>{0, 1, 0, 3}));
      EXPECT_EQ(server != nullptr, rank != 3);
      ASSERT_EQ(why.size(), 4U);
      for (std::size_t other = 0; other < 4; ++other) {
        const bool apart = rank != 3 && other != 3 && (other == 1) != (rank == 1);
        EXPECT_EQ(!why[other].empty(), apart) << rank << ' ' << other << ' ' << why[other];
      }
      if (rank != 1) return;
      EXPECT_NE(why[0].find("cannot open this rank's memory"), std::string::npos) << why[0];
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class Descriptors : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(SharedSegment::create(4096, &segment_).ok());
    const Status served = DescriptorServer::get(&server_);
    ASSERT_TRUE(served.ok()) << served.message();
  }

  /// The message of the error; empty where it was fetched and is right.
  std::string fetch(const DescriptorDesk& desk, int descriptor) {
    int fetched = -1;
    const Status status = fetch_descriptor(desk, descriptor, &fetched);
    if (!status.ok()) return status.message();
    char text[7] = {};
    EXPECT_EQ(pread(fetched, text, 6, 100), 6);
    EXPECT_STREQ(text, "shared");
    close(fetched);
    return "";
  }

  std::shared_ptr<SharedSegment> segment_;
  std::shared_ptr<DescriptorServer> server_;
};

TEST_F(Descriptors, GoToWhoKnowsTheKey) {
  std::memcpy(segment_->data() + 100, "shared", 6);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(fetch(own_desk(), segment_->descriptor()), "");
  DescriptorDesk other = own_desk();
  other.key[1] ^= 1;
  EXPECT_EQ(fetch(other, segment_->descriptor()), "it did not answer");
}

TEST_F(Descriptors, AreTakenFromTheRightProcessAlone) {
  DescriptorDesk other = own_desk();
  other.pid = getppid();
  EXPECT_NE(fetch(other, segment_->descriptor()).find("has its socket"), std::string::npos);
}

TEST_F(Descriptors, ThatAreNotOpenAreAnError) {
  EXPECT_NE(fetch(own_desk(), 99999).find("it cannot send: "), std::string::npos);
}

TEST_F(Descriptors, AreNotServedOnceNobodyHoldsTheServer) {
  server_.reset();
  EXPECT_NE(fetch(own_desk(), segment_->descriptor()).find("connect: "), std::string::npos);
  ASSERT_TRUE(DescriptorServer::get(&server_).ok());
  std::memcpy(segment_->data() + 100, "shared", 6);
  EXPECT_EQ(fetch(own_desk(), segment_->descriptor()), "");
}

TEST_F(Descriptors, AreServedToManyAtOnce) {
  std::memcpy(segment_->data() + 100, "shared", 6);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(fetch(own_desk(), segment_->descriptor()), ""); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(DescriptorServer, ComesAndGoesOnManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 300; ++round) {
        std::shared_ptr<DescriptorServer> server;
        const Status served = DescriptorServer::get(&server);
        ASSERT_TRUE(served.ok()) << served.message();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(SharedSegment, IsNotOpenedUnlessSealed) {
  const int descriptor = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(ftruncate(descriptor, 4096), 0);
  std::shared_ptr<SharedSegment> opened;
  const Status status = SharedSegment::open(own_desk(), descriptor, 4096, Reach::kAny, &opened);
  EXPECT_NE(status.message().find("not sealed"), std::string::npos) << status.message();
  close(descriptor);
}

/// In a process of its own, which a signal would end.
TEST(SharedSegmentDeathTest, IsAnErrorWhereFilesMayNotBeSoLarge) {
  const auto make = [](std::size_t bytes) {
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &limit);
    std::shared_ptr<SharedSegment> segment;
    const Status status = SharedSegment::create(bytes, &segment);
    std::fprintf(stderr, "%s", status.ok() ? "made" : status.message().c_str());
    std::_Exit(status.ok() ? 0 : 1);
  };
  EXPECT_EXIT(make(100000), testing::ExitedWithCode(0), "made");
  EXPECT_EXIT(make(100001), testing::ExitedWithCode(1),
              "cannot make 100001 bytes of shared memory: .* up to 100000 bytes");
}

}  // namespace
}  // namespace causeway
