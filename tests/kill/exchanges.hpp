// Exchanges that go on until something ends them, and what a rank says then.
#pragma once

#include <causeway/mpix.h>
#include <gpu_memory.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace causeway::test {

/// Equal blocks for all ranks of MPI_COMM_WORLD, exchanged again and again; on the GPU if
/// CAUSEWAY_DEVICE is cuda. Each rank's bytes are its number and the exchange's.
class Exchanges {
 public:
  explicit Exchanges(int bytes) {
    int ranks = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    const auto size = static_cast<std::size_t>(ranks);
    counts_.assign(size, bytes);
    for (int rank = 0; rank < ranks; ++rank) displacements_.push_back(rank * bytes);
    sent_.resize(size * static_cast<std::size_t>(bytes));
    received_.resize(sent_.size());
  }

  /// One exchange; returns its code. Bytes that are wrong end the program.
  int run() {
    const auto stamp = [this](int rank) { return static_cast<std::byte>(rank * 31 + number_); };
    sent_.assign(sent_.size(), stamp(rank_));
    ++number_;
    last_ = MPI_Wtime();
    int code = MPI_SUCCESS;
    {
      const OnGpu from(sent_, on_gpus());
      const OnGpu to(received_, on_gpus());
      code = MPIX_Alltoallv(from.at(sent_.data()), counts_.data(), displacements_.data(), MPI_CHAR,
                            to.at(received_.data()), counts_.data(), displacements_.data(),
                            MPI_CHAR, MPI_COMM_WORLD);
    }
    --number_;
    for (std::size_t i = 0; code == MPI_SUCCESS && i < received_.size(); ++i) {
      const int source = static_cast<int>(i) / counts_.front();
      if (received_[i] == stamp(source)) continue;
      std::printf("rank %d: wrong byte from rank %d in exchange %d\n", rank_, source, number_);
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
    ++number_;
    return code;
  }

  /// Seconds since the last exchange began.
  double seconds() const { return MPI_Wtime() - last_; }

  /// An error code's class and sentence.
  static std::string describe(int code) {
    char text[MPI_MAX_ERROR_STRING] = "";
    char kind[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    int error_class = 0;
    MPI_Error_string(code, text, &length);
    MPI_Error_class(code, &error_class);
    MPI_Error_string(error_class, kind, &length);
    return std::string(kind) + ": " + text;
  }

 private:
  int rank_ = 0;
  int number_ = 0;
  double last_ = 0;
  std::vector<int> counts_;
  std::vector<int> displacements_;
  std::vector<std::byte> sent_;
  std::vector<std::byte> received_;
};

}  // namespace causeway::test
