// A call of MPIX_Alltoallv, or a plan of one, whose arguments a test may spoil one by one.
#include "call.hpp"

#include <numeric>

namespace causeway::test {

namespace {

int value(int round, int from, int to) { return (round * 100 + from) * 100 + to; }

const int* pointer(const std::optional<std::vector<int>>& array) {
  return array ? array->data() : nullptr;
}

/// A copy of an array with elements of another width; NULL stays NULL.
template <class T>
class Widened {
 public:
  explicit Widened(const std::optional<std::vector<int>>& array) {
    if (array) copy_.emplace(array->begin(), array->end());
  }
  const T* pointer() const { return copy_ ? copy_->data() : nullptr; }

 private:
  std::optional<std::vector<T>> copy_;
};

}  // namespace

Call::Call(MPI_Comm on, int round_of_call) : comm(on), round(round_of_call) {
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  const auto ranks = static_cast<std::size_t>(size);
  for (int peer = 0; peer < size; ++peer) sent.push_back(value(round, rank, peer));
  received.assign(ranks, -1);
  sendbuf = sent.data();
  recvbuf = received.data();
  std::vector<int> steps(ranks);
  std::iota(steps.begin(), steps.end(), 0);
  sendcounts.emplace(ranks, 1);
  recvcounts.emplace(ranks, 1);
  sdispls = steps;
  rdispls = steps;
}

int Call::run(Entry entry) const {
  if (entry == Entry::kInt) {
    return MPIX_Alltoallv(sendbuf, pointer(sendcounts), pointer(sdispls), sendtype, recvbuf,
                          pointer(recvcounts), pointer(rdispls), recvtype, comm);
  }
  return MPIX_Alltoallv_c(sendbuf, Widened<MPI_Count>(sendcounts).pointer(),
                          Widened<MPI_Aint>(sdispls).pointer(), sendtype, recvbuf,
                          Widened<MPI_Count>(recvcounts).pointer(),
                          Widened<MPI_Aint>(rdispls).pointer(), recvtype, comm);
}

int Call::plan(MPIX_Plan* plan, Entry entry, MPI_Info info) const {
  if (entry == Entry::kInt) {
    return MPIX_Alltoallv_plan(sendbuf, pointer(sendcounts), pointer(sdispls), sendtype, recvbuf,
                               pointer(recvcounts), pointer(rdispls), recvtype, comm, info, plan);
  }
  return MPIX_Alltoallv_plan_c(sendbuf, Widened<MPI_Count>(sendcounts).pointer(),
                               Widened<MPI_Aint>(sdispls).pointer(), sendtype, recvbuf,
                               Widened<MPI_Count>(recvcounts).pointer(),
                               Widened<MPI_Aint>(rdispls).pointer(), recvtype, comm, info, plan);
}

::testing::AssertionResult Call::arrived() const {
  for (int peer = 0; peer < size; ++peer) {
    const int found = received[static_cast<std::size_t>(peer)];
    if (found == value(round, peer, rank)) continue;
    return ::testing::AssertionFailure()
           << "from rank " << peer << " came " << found << ", not " << value(round, peer, rank);
  }
  return ::testing::AssertionSuccess();
}

ScopedComm attached(Settings settings) {
  ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_EQ(MPIX_Comm_attach(comm, ScopedInfo(settings)), MPI_SUCCESS);
  return comm;
}

::testing::AssertionResult works(MPI_Comm comm) {
  ::testing::AssertionResult result = ::testing::AssertionSuccess();
  for (int round = 1000; round < 1002; ++round) {
    const Call call(comm, round);
    const int code = call.run();
    const ::testing::AssertionResult arrived = call.arrived();
    if (result && code != MPI_SUCCESS) {
      result = ::testing::AssertionFailure() << "call " << round << ": " << sentence(code);
    } else if (result && !arrived) {
      result = arrived;
    }
  }
  return result;
}

std::string sentence(int code) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return text;
}

int class_of(int code) {
  int found = MPI_SUCCESS;
  MPI_Error_class(code, &found);
  // Of some MPIs the library's classes stand for predefined ones, whose strings they have.
  constexpr int kFirstAfterPredefined = 128;
  for (int predefined = 1; found >= kFirstAfterPredefined && predefined < MPI_ERR_LASTCODE &&
                           predefined < kFirstAfterPredefined;
       ++predefined) {
    if (sentence(found) == sentence(predefined)) return predefined;
  }
  return found;
}

::testing::AssertionResult is_error(int code, int wanted,
                                    const std::vector<std::string>& fragments) {
  const std::string text = sentence(code);
  if (class_of(code) != wanted) {
    return ::testing::AssertionFailure() << "class " << class_of(code) << ", not " << wanted << " ("
                                         << sentence(wanted) << "), of: " << text;
  }
  for (const std::string& fragment : fragments) {
    if (text.find(fragment) != std::string::npos) continue;
    return ::testing::AssertionFailure() << "no '" << fragment << "' in: " << text;
  }
  return ::testing::AssertionSuccess();
}

}  // namespace causeway::test
