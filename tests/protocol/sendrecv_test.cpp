// Messages that are matched one by one, each with a tag, between exchanges of all with all: to any
// rank and from any other in one call, or one way only.
#include "launchers.hpp"
#include "random_exchange.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <host_executor.hpp>
#include <schedule.hpp>

#include <algorithm>
#include <numeric>
#include <optional>

namespace causeway::test {
namespace {

constexpr std::byte kUntouched{0xee};

/// A message that a rank sends another, and what that one asks for.
struct Sent {
  std::uint32_t from;
  std::uint32_t to;
  std::uint64_t number;
  std::uint64_t bytes;
  std::int32_t tag;
  std::uint64_t capacity;
  std::int32_t asked_tag;
  bool any_tag;
};

/// What a rank does in one call.
struct Call {
  const Sent* send = nullptr;
  const Sent* receive = nullptr;
};

/// Ranks of a communicator, as they talk in calls.
class Caller {
 public:
  Caller(const device::Communicator& handle, std::uint64_t seed) : handle_(handle), own_(seed) {
    for (std::uint32_t peer = 0; peer < handle.size; ++peer) {
      links_.push_back(handle.send_channel(peer, 0).link.kind);
    }
  }

  /// Makes a call; what is wrong with it, or nothing.
  std::string make(const Call& call) {
    const std::uint64_t sends = call.send != nullptr ? call.send->bytes : 0;
    std::vector<std::byte> out(sends + 1);
    if (call.send != nullptr) {
      write_expected(out.data(), sends, call.send->number, call.send->from, call.send->to);
    }
    constexpr std::uint64_t kGuard = 24;
    const std::uint64_t capacity = call.receive != nullptr ? call.receive->capacity : 0;
    std::vector<std::byte> in(capacity + 2 * kGuard, kUntouched);
    info_ = {};
    const Extent sent{0, sends};
    const Extent received{kGuard, capacity};
    Messages messages;
    messages.operation = kernels::Operation::kSendrecv;
    if (call.send != nullptr) {
      messages.sends.push_back({call.send->to, &sent});
      messages.tags.send = kernels::tag_of_message(call.send->tag);
    }
    if (call.receive != nullptr) {
      messages.receives.push_back({call.receive->from, &received});
      messages.tags.receive = kernels::tag_of_message(call.receive->asked_tag);
      messages.tags.any = call.receive->any_tag;
    }
    launch(messages, out.data(), in.data(), &info_);
    return call.receive != nullptr ? check(*call.receive, in, kGuard) : std::string();
  }

  /// Runs an exchange of messages with their blocks in `out` and `in`.
  void launch(const Messages& messages, const std::byte* out, std::byte* in,
              device::MessageInfo* info) {
    // Numbers of thread blocks and protocols are each rank's own affair; links are not.
    const device::ChannelShape& channel =
        handle_.send_channel((handle_.rank + 1) % handle_.size, 0).shape;
    ScheduleLimits limits{handle_.lanes, static_cast<std::uint32_t>(1 + own_() % 4),
                          channel.eager_bytes};
    limits.ll_bytes = channel.ll_bytes;
    limits.ll128_bytes = channel.ll128_bytes;
    limits.links = links_;
    Schedule schedule;
    make_schedule(limits, static_cast<int>(handle_.rank), static_cast<int>(handle_.size), messages,
                  &schedule);
    schedule.args.comm = handle_;
    schedule.args.sendbuf = out;
    schedule.args.recvbuf = in;
    schedule.args.info = info;
    kernels::HostExecutor executor(2 * schedule.args.split.blocks - 1);
    launchers().host(executor, schedule.args, schedule.lists());
  }

 private:
  std::string check(const Sent& message, const std::vector<std::byte>& in,
                    std::uint64_t guard) const {
    const std::string what = "rank " + std::to_string(handle_.rank) + ", message " +
                             std::to_string(message.number) + " of " +
                             std::to_string(message.bytes) + " bytes: ";
    std::vector<std::byte> expected(in.size(), kUntouched);
    std::vector<std::byte> whole(message.bytes + 1);
    write_expected(whole.data(), message.bytes, message.number, message.from, message.to);
    std::copy_n(whole.begin(), std::min(message.bytes, message.capacity),
                expected.begin() + static_cast<std::ptrdiff_t>(guard));
    if (in != expected) return what + "wrong bytes";
    if (info_.bytes != message.bytes) return what + "told of " + std::to_string(info_.bytes);
    if (info_.tag != kernels::tag_of_message(message.tag)) return what + "told of another tag";
    device::FaultReports& reports = *handle_.control.reports;
    if (reports.fatal.fault != device::Fault::kNone) return what + "a fatal fault";
    const bool truncated = message.bytes > message.capacity;
    if ((reports.truncated.complete != 0) != truncated) return what + "truncated, or not";
    const bool mismatched = !message.any_tag && message.tag != message.asked_tag;
    if ((reports.mismatched.complete != 0) != mismatched) return what + "mismatched, or not";
    if (mismatched && reports.mismatched.reached != info_.tag) return what + "reported another tag";
    reports.truncated = {};
    reports.mismatched = {};
    *handle_.control.claims = {};
    return {};
  }

  const device::Communicator handle_;
  Random own_;
  std::vector<device::LinkKind> links_;
  device::MessageInfo info_{};
};

/// A step: each rank sends up to one message and receives up to one, each other than itself.
std::vector<Sent> random_step(Random& shared, std::uint32_t ranks, std::uint64_t number,
                              std::uint64_t most) {
  std::vector<std::uint32_t> to(ranks);
  std::iota(to.begin(), to.end(), 0U);
  const std::uint64_t pattern = shared() % 4;
  if (pattern == 0) {  // a ring
    std::rotate(to.begin(), to.begin() + 1, to.end());
  } else {
    std::shuffle(to.begin(), to.end(), shared);
  }
  const std::uint64_t rarity = 1 + shared() % 3;
  std::vector<Sent> messages;
  for (std::uint32_t from = 0; from < ranks; ++from) {
    if (to[from] == from || shared() % rarity != 0) continue;
    const std::uint64_t bytes = log_uniform(shared, most);
    const auto tag = static_cast<std::int32_t>(shared() & 0x7fffffffU);
    Sent message{from, to[from], number * ranks + from, bytes, tag, bytes, tag, false};
    switch (shared() % 6) {
      case 0:
        message.capacity += shared() % 1000;
        break;
      case 1:
        message.any_tag = true;
        message.asked_tag = 0;
        break;
      case 2:
        if (shared() % 4 == 0) message.capacity = log_uniform(shared, bytes);
        break;
      case 3:
        if (shared() % 4 == 0) message.asked_tag = tag ^ 1;
        break;
      default:
        break;
    }
    messages.push_back(message);
  }
  return messages;
}

struct Shape {
  const char* name;
  int ranks;
  Settings settings;
  std::uint64_t most;
};

void PrintTo(const Shape& shape, std::ostream* stream) { *stream << shape.name; }

class Sendrecv : public testing::TestWithParam<Shape> {};

TEST_P(Sendrecv, RandomSequencesWithOtherExchanges) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  const char* const wished = std::getenv("CAUSEWAY_TEST_STEPS");
  const std::uint64_t steps =
      wished != nullptr ? std::strtoull(wished, nullptr, 10) : repeats(std::uint64_t{150});
  run_ranks(shape.ranks, shape.settings, [&](Communicator& communicator) {
    const device::Communicator handle = communicator.device_handle();
    Random shared(seed);
    Random own(seed + 1 + handle.rank);
    Caller caller(handle, own());
    // What fits in a ring beside what may still be there.
    const std::uint64_t small =
        handle.send_channel((handle.rank + 1) % handle.size, 0).shape.eager_bytes;
    for (std::uint64_t step = 0; step < steps; ++step) {
      if (shared() % 4 == 0) {
        exchange_once(communicator, own, random_counts(shared, shape.ranks, shape.most), step);
        if (testing::Test::HasFatalFailure()) return;
        continue;
      }
      const std::vector<Sent> messages = random_step(shared, handle.size, step, shape.most);
      Call both;
      for (const Sent& message : messages) {
        if (message.from == handle.rank) both.send = &message;
        if (message.to == handle.rank) both.receive = &message;
      }
      // In one call, or small ones first one way and then the other.
      std::vector<Call> calls{both};
      if (both.send != nullptr && both.receive != nullptr && both.send->bytes <= small / 4 &&
          own() % 2 == 0) {
        calls = {{both.send, nullptr}, {nullptr, both.receive}};
      }
      for (const Call& call : calls) ASSERT_EQ(caller.make(call), "") << "step " << step;
    }
  });
}

/// A message of one operation where the other end asks for one of another.
TEST(SendrecvAndOthers, MessagesOfAnotherOperationFailTheCommunicator) {
  constexpr std::uint32_t kOfAlltoallv = kernels::tag_of(kernels::Operation::kAlltoallv);
  constexpr std::uint32_t kOfNeighbor = kernels::tag_of(kernels::Operation::kNeighbor);
  constexpr std::uint32_t kTag5 = kernels::tag_of_message(5);
  struct Case {
    std::uint64_t bytes;
    std::uint32_t sent, asked, told;
  };
  for (const char* const ll_bytes : {"4096", "0"}) {
    for (const Case& wrong :
         {Case{100, kTag5, kOfAlltoallv, kTag5}, Case{100, kOfAlltoallv, kTag5, kOfAlltoallv},
          Case{0, kOfAlltoallv, kTag5, 0}, Case{0, kTag5, kOfAlltoallv, kTag5},
          Case{100, kOfNeighbor, kOfAlltoallv, kOfNeighbor}}) {
      run_ranks(2, {{"CAUSEWAY_LL_BYTES", ll_bytes}}, [&](Communicator& communicator) {
        const device::Communicator handle = communicator.device_handle();
        Caller caller(handle, 1);
        std::vector<std::byte> memory(100, std::byte{1});
        const Extent block{0, handle.rank == 0 ? wrong.bytes : 100};
        Messages messages;
        messages.operation = kernels::Operation::kSendrecv;
        messages.tags = {wrong.sent, wrong.asked};
        (handle.rank == 0 ? messages.sends : messages.receives)
            .push_back({1 - handle.rank, &block});
        caller.launch(messages, memory.data(), memory.data(), nullptr);
        if (handle.rank == 0) return;
        const device::FaultReports& reports = *handle.control.reports;
        EXPECT_EQ(reports.mismatched.complete, 0U);
        EXPECT_EQ(reports.fatal.complete, 1U);
        EXPECT_EQ(reports.fatal.fault, device::Fault::kOutOfStep);
        EXPECT_EQ(reports.fatal.needed, wrong.asked);
        EXPECT_EQ(reports.fatal.reached, wrong.told);
        EXPECT_EQ(communicator.error().kind(), ErrorKind::kFailed);
      });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Sendrecv,
    testing::Values(
        Shape{"two", 2, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LANES", "3"}}, 20000},
        Shape{"five", 5, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LANES", "2"}}, 20000},
        Shape{
            "without_lines",
            4,
            {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LL_BYTES", "0"}, {"CAUSEWAY_LANES", "3"}},
            20000},
        Shape{"counts_pass_2_to_32",
              3,
              {{"CAUSEWAY_RING_BYTES", "4096"},
               {"CAUSEWAY_LANES", "2"},
               {"CAUSEWAY_START_COUNT", "4294965248"}},
              3000},
        Shape{"pulled",
              4,
              {{"CAUSEWAY_RING_BYTES", "4096"},
               {"CAUSEWAY_LANES", "2"},
               {"CAUSEWAY_CMA", "auto"},
               {"CAUSEWAY_TUNE", "*:memory:2K-:protocol=pull"}},
              20000},
        Shape{"large", 3, {{"CAUSEWAY_RING_BYTES", "64K"}, {"CAUSEWAY_LANES", "4"}}, 1000000}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace causeway::test
