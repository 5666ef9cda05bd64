// Layouts: what is merged into runs, and where the bytes of a message lie.
#include <causeway/device/host_device.hpp>
#include <device_backend.hpp>
#include <layout.hpp>
#include <layout_tables.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace causeway {
namespace {

TEST(Layout, BlocksThatFollowEachOtherAreOne) {
  ElementLayout layout;
  layout.append(8, 4);
  layout.append(12, 4, 3, 4);
  layout.append(24, 8);
  layout.set_extent(24);
  ASSERT_EQ(layout.runs().size(), 1U);
  EXPECT_EQ(layout.runs()[0].offset, 8);
  EXPECT_EQ(layout.runs()[0].bytes, 24U);
  EXPECT_TRUE(layout.contiguous());
  EXPECT_EQ(layout.size(), 24U);
  layout.set_extent(32);
  EXPECT_FALSE(layout.contiguous());
}

TEST(Layout, BlocksAtOneDistanceAreOneRun) {
  ElementLayout column;
  for (int i = 0; i < 1000; ++i) column.append(i * 64, 8);
  column.set_extent(8);
  ASSERT_EQ(column.runs().size(), 1U);
  EXPECT_EQ(column.runs()[0].blocks, 1000U);
  EXPECT_EQ(column.runs()[0].stride, 64);
  EXPECT_EQ(column.on_device(nullptr).unit, 8U);

  ElementLayout planes;
  planes.append(column, 0, 3, 64000);
  EXPECT_EQ(planes.runs().size(), 1U);  // each goes on where the one before it ends
  planes.append(column, -8, 1, 0);
  EXPECT_EQ(planes.runs().size(), 2U);
  EXPECT_EQ(planes.size(), 32000U);
}

TEST(Layout, NothingIsContiguous) {
  ElementLayout layout;
  layout.append(3, 0, 5, 9);
  layout.append(3, 5, 0, 9);
  layout.set_extent(100);
  EXPECT_TRUE(layout.contiguous());
  EXPECT_EQ(layout.size(), 0U);
}

TEST(Layout, CountsFromItsFirstByte) {
  ElementLayout layout;
  layout.append(std::int64_t{1} << 46, 8);
  layout.append((std::int64_t{1} << 46) - 100, 4, 3, 10);
  EXPECT_EQ(layout.begin_at_first_byte(), std::int64_t{1} << 46);
  EXPECT_EQ(layout.runs()[0].offset, 0);
  EXPECT_EQ(layout.runs()[1].offset, -100);
  EXPECT_EQ(ElementLayout().begin_at_first_byte(), 0);
}

/// Numbers that programs get by mistake: all is refused that an offset could not hold, and nothing
/// overflows before.
TEST(Layout, MoreThanMemoryHoldsIsNoLayout) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  ElementLayout pair;
  pair.append(0, 8);
  pair.append(24, 8);
  const auto excess = [](const auto& append) {
    ElementLayout layout;
    append(layout);
    ElementLayout around;
    around.append(layout, 0, 1, 0);
    EXPECT_EQ(around.excess(), layout.excess());
    layout.append(8, 8);
    layout.set_extent(kMost);
    return layout.excess();
  };
  EXPECT_EQ(excess([](ElementLayout& layout) { layout.append(-100, 1000, 2, kMostOffset / 2); }),
            0);
  for (const std::int64_t huge : {kMost, kLeast, kMostOffset + 1, -kMostOffset - 1}) {
    EXPECT_GT(excess([&](ElementLayout& layout) { layout.append(huge, 8); }), 1e18);
    EXPECT_GT(excess([&](ElementLayout& layout) { layout.append(0, 8, 3, huge); }), 1e18);
    EXPECT_GT(excess([&](ElementLayout& layout) { layout.append(pair, huge, 2, 32); }), 1e18);
    EXPECT_GT(excess([&](ElementLayout& layout) { layout.append(pair, 0, 1000, huge); }), 1e18);
  }
  EXPECT_GT(excess([](ElementLayout& layout) { layout.append(0, kMost, 1000, kMost); }), 1e18);
  EXPECT_GT(excess([](ElementLayout& layout) { layout.append(0, 8, kMost, 16); }), 1e18);
  EXPECT_DOUBLE_EQ(excess([](ElementLayout& layout) {
                     layout.append(0, std::int64_t{5} << 30, std::int64_t{1} << 32, 0);
                   }),
                   5 * 0x1p62);
  EXPECT_GT(excess([](ElementLayout& layout) {
              for (int i = 0; i < 3; ++i) layout.append(0, kMostOffset / 2);
            }),
            1e18);
}

TEST(LayoutTables, LayoutsThatNobodyElseHoldsGoWhenANewOneComes) {
  const auto backend = make_host_backend();
  LayoutTables tables;
  const auto column = [](int i) {
    auto made = std::make_shared<ElementLayout>();
    made->append(0, 8, 5, 16 + i);
    made->set_extent(8);
    return LayoutRef(std::move(made));
  };
  const LayoutRef kept = column(0);
  std::uint16_t place_of_kept = 0;
  ASSERT_TRUE(tables.find(*backend, kept, &place_of_kept).ok());
  EXPECT_NE(place_of_kept, 0U);
  std::weak_ptr<const ElementLayout> last;
  for (int i = 1; i < 5000; ++i) {
    const LayoutRef layout = column(i);
    std::uint16_t place = 0;
    const Status found = tables.find(*backend, layout, &place);
    ASSERT_TRUE(found.ok()) << found.message();
    EXPECT_NE(place, place_of_kept);
    EXPECT_EQ(tables.data()[place].runs, layout->runs().data());
    EXPECT_TRUE(last.expired()) << i;
    last = layout;
  }
  std::uint16_t place = 0;
  ASSERT_TRUE(tables.find(*backend, kept, &place).ok());
  EXPECT_EQ(place, place_of_kept);
}

/// Random blocks that do not overlap, in random order, against a list of their bytes: every part of
/// a message of several elements, gathered and scattered.
TEST(Layout, PartsOfMessagesLieWhereTheBlocksSay) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<int>(0, static_cast<int>(n) - 1)(random);
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<std::int64_t, std::uint64_t>> blocks;
    std::int64_t end = -20;
    const int count = 1 + below(12);
    for (int i = 0; i < count; ++i) {
      end += below(3) == 0 ? 0 : below(9);
      blocks.emplace_back(end, static_cast<std::uint64_t>(1 + below(7)));
      end += static_cast<std::int64_t>(blocks.back().second);
    }
    if (below(2) == 0) std::shuffle(blocks.begin(), blocks.end(), random);
    ElementLayout layout;
    std::vector<std::int64_t> places;  // of an element's bytes
    for (const auto& [offset, bytes] : blocks) {
      layout.append(offset, bytes);
      for (std::uint64_t i = 0; i < bytes; ++i) {
        places.push_back(offset + static_cast<std::int64_t>(i));
      }
    }
    const std::int64_t extent = end + 20 + below(5);
    layout.set_extent(extent);
    ASSERT_EQ(layout.size(), places.size());
    const device::Layout view = layout.on_device(layout.runs().data());

    constexpr std::uint64_t kElements = 5;
    std::vector<std::byte> memory(static_cast<std::size_t>(kElements * extent + 40));
    for (std::byte& byte : memory) byte = static_cast<std::byte>(random());
    std::vector<std::byte> message;
    for (std::uint64_t e = 0; e < kElements; ++e) {
      for (const std::int64_t place : places) {
        message.push_back(
            memory[static_cast<std::size_t>(20 + static_cast<std::int64_t>(e) * extent + place)]);
      }
    }
    const auto from = static_cast<std::uint64_t>(below(message.size()));
    const auto bytes = static_cast<std::uint64_t>(below(message.size() - from + 1));
    const device::Context<device::ThreadGroup> part{{}, 0, 0, 0, from, bytes, nullptr};
    std::vector<std::byte> gathered(bytes);
    device::GatherFrom<device::HostDevice>{memory.data() + 20, view}.produce(part, gathered.data());
    ASSERT_TRUE(std::equal(gathered.begin(), gathered.end(),
                           message.begin() + static_cast<std::ptrdiff_t>(from)))
        << "seed " << seed << ", round " << round;

    std::vector<std::byte> target(memory.size());
    std::vector<std::byte> expected(memory.size());
    for (std::uint64_t i = from; i < from + bytes; ++i) {
      const auto element = static_cast<std::int64_t>(i / places.size());
      expected[static_cast<std::size_t>(20 + element * extent + places[i % places.size()])] =
          message[i];
    }
    device::ScatterTo<device::HostDevice>{target.data() + 20, view}.consume(part, gathered.data());
    ASSERT_TRUE(target == expected) << "seed " << seed << ", round " << round;
  }
}

}  // namespace
}  // namespace causeway
