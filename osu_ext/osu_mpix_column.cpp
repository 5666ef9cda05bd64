// A column of a matrix to each rank: MPIX_Alltoallv with a derived datatype, beside what programs
// do where MPI is slow at it.
//
//   mpirun -n 8 osu_mpix_column [host|cuda] [N]
//
// Each rank has an N x N matrix of doubles (4096), in row-major order, in memory of the device
// (host), and sends column j to rank j, which gets columns side by side. The ways: `causeway`, one
// call with the column's type; `mpi`, likewise, on the host; `pack`, MPI_Pack of each column, on
// cuda from a copy of the matrix; `pieces`, a copy for each double, enqueued one after the other;
// `copy2d`, on cuda, a cudaMemcpy2DAsync for each column. The last three go on with MPI_Alltoall
// through host memory. Writes CSV to standard output: microseconds of the slowest rank, median of
// five windows, and each way's time over causeway's. Every way's result is checked. Exit status: 0
// done, 1 a wrong byte or an error, 2 not possible as asked.
#include "options.hpp"
#include "selection.hpp"
#include "timing.hpp"

#include <causeway/config.h>
#include <causeway/mpix.h>
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace causeway::osu;

constexpr int kCallsOfCauseway = 20;  // in a window; of the others one

class Columns {
 public:
  Columns(Device& device, int n)
      : device_(device),
        n_(static_cast<std::size_t>(n)),
        matrix_(device.allocate(bytes_of_matrix())),
        columns_(device.allocate(bytes_of_columns())),
        matrix_mirror_(device.allocate_mirror(bytes_of_matrix())),
        columns_mirror_(device.allocate_mirror(bytes_of_columns())),
        packed_(device.allocate(bytes_of_columns())),
        packed_mirror_(device.allocate_mirror(bytes_of_columns())) {
    MPI_Type_vector(n, 1, n, MPI_DOUBLE, &vector_);
    MPI_Type_create_resized(vector_, 0, sizeof(double), &column_);
    MPI_Type_commit(&column_);
    for (int peer = 0; peer < ranks_; ++peer) {
      ones_.push_back(1);
      lengths_.push_back(n);
      in_send_.push_back(peer);
      in_receive_.push_back(peer * n);
    }
  }
  ~Columns() {
    MPI_Type_free(&column_);
    MPI_Type_free(&vector_);
  }
  Columns(const Columns&) = delete;
  Columns& operator=(const Columns&) = delete;

  [[nodiscard]] bool has_memory() const {
    return matrix_ != nullptr && columns_ != nullptr && packed_ != nullptr &&
           (!device_.has_mirrors() ||
            (matrix_mirror_ != nullptr && columns_mirror_ != nullptr && packed_mirror_ != nullptr));
  }

  /// Fills the matrix; "" or what went wrong.
  std::string fill() {
    std::byte* const host = host_matrix();
    for (std::size_t i = 0; i < n_ * n_; ++i) {
      const double value = element(rank_, i / n_, i % n_);
      std::memcpy(host + i * sizeof value, &value, sizeof value);
    }
    return device_.has_mirrors() ? device_.copy(matrix_.get(), host, bytes_of_matrix()) : "";
  }

  std::string causeway() { return with_type(MPIX_Alltoallv); }
  std::string mpi() { return with_type(MPI_Alltoallv); }

  std::string pack() {
    std::string error;
    if (device_.has_mirrors()) {
      error = device_.copy(matrix_mirror_.get(), matrix_.get(), bytes_of_matrix());
    }
    int position = 0;
    for (std::size_t j = 0; j < peers(); ++j) {
      MPI_Pack(host_matrix() + j * sizeof(double), 1, column_, host_packed(),
               static_cast<int>(bytes_of_columns()), &position, MPI_COMM_WORLD);
    }
    return error.empty() ? exchange_packed() : error;
  }

  /// A copy for each double, or one for each column.
  std::string copies(bool at_once) {
    const Rows column{n_, sizeof(double), n_ * sizeof(double)};
    std::string error;
    for (std::size_t j = 0; j < peers() && error.empty(); ++j) {
      error = device_.pack_rows(packed_.get() + j * n_ * sizeof(double),
                                matrix_.get() + j * sizeof(double), column, at_once);
    }
    if (error.empty() && device_.has_mirrors()) {
      error = device_.copy(packed_mirror_.get(), packed_.get(), bytes_of_columns());
    }
    return error.empty() ? exchange_packed() : error;
  }

  /// Whether the columns are where they belong; forgets them.
  bool arrived() {
    std::byte* const host = host_columns();
    if (device_.has_mirrors()) {
      if (!device_.copy(host, columns_.get(), bytes_of_columns()).empty()) return false;
    }
    bool right = true;
    for (std::size_t i = 0; i < peers() * n_; ++i) {
      double value = 0;
      std::memcpy(&value, host + i * sizeof value, sizeof value);
      right = right &&
              value == element(static_cast<int>(i / n_), i % n_, static_cast<std::size_t>(rank_));
    }
    std::memset(host, 0, bytes_of_columns());
    if (device_.has_mirrors()) {
      right = device_.copy(columns_.get(), host, bytes_of_columns()).empty() && right;
    }
    return right;
  }

 private:
  using Call = int (*)(const void*, const int*, const int*, MPI_Datatype, void*, const int*,
                       const int*, MPI_Datatype, MPI_Comm);

  static double element(int rank, std::size_t row, std::size_t column) {
    return static_cast<double>(rank) + 10.0 * static_cast<double>(row) +
           1e-6 * static_cast<double>(column);
  }
  static int world(int (*ask)(MPI_Comm, int*)) {
    int answer = 0;
    ask(MPI_COMM_WORLD, &answer);
    return answer;
  }
  [[nodiscard]] std::size_t peers() const { return static_cast<std::size_t>(ranks_); }
  [[nodiscard]] std::size_t bytes_of_matrix() const { return n_ * n_ * sizeof(double); }
  [[nodiscard]] std::size_t bytes_of_columns() const { return peers() * n_ * sizeof(double); }
  [[nodiscard]] std::byte* host_matrix() const {
    return device_.has_mirrors() ? matrix_mirror_.get() : matrix_.get();
  }
  [[nodiscard]] std::byte* host_columns() const {
    return device_.has_mirrors() ? columns_mirror_.get() : columns_.get();
  }
  [[nodiscard]] std::byte* host_packed() const {
    return device_.has_mirrors() ? packed_mirror_.get() : packed_.get();
  }

  std::string with_type(Call call) {
    const int code = call(matrix_.get(), ones_.data(), in_send_.data(), column_, columns_.get(),
                          lengths_.data(), in_receive_.data(), MPI_DOUBLE, MPI_COMM_WORLD);
    return code == MPI_SUCCESS ? "" : "the exchange failed";
  }

  std::string exchange_packed() {
    MPI_Alltoall(host_packed(), static_cast<int>(n_), MPI_DOUBLE, host_columns(),
                 static_cast<int>(n_), MPI_DOUBLE, MPI_COMM_WORLD);
    if (!device_.has_mirrors()) return "";
    return device_.copy(columns_.get(), host_columns(), bytes_of_columns());
  }

  Device& device_;
  const int rank_ = world(MPI_Comm_rank);
  const int ranks_ = world(MPI_Comm_size);
  const std::size_t n_;
  Buffer matrix_;
  Buffer columns_;
  Buffer matrix_mirror_;
  Buffer columns_mirror_;
  Buffer packed_;
  Buffer packed_mirror_;
  MPI_Datatype vector_ = MPI_DATATYPE_NULL;
  MPI_Datatype column_ = MPI_DATATYPE_NULL;
  std::vector<int> ones_, lengths_, in_send_, in_receive_;
};

struct Way {
  const char* name;
  int calls;
  std::function<std::string()> run;
};

/// Times a way; a negative time when something went wrong, on any rank.
double time_of(const Way& way, Columns& columns) {
  std::string error = way.run();  // not timed
  int right = error.empty() && columns.arrived() ? 1 : 0;
  std::vector<double> seconds;
  for (int window = 0; window < kWindows; ++window) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double begin = MPI_Wtime();
    for (int i = 0; i < way.calls && error.empty(); ++i) error = way.run();
    seconds.push_back((MPI_Wtime() - begin) / way.calls);
  }
  if (!error.empty() || !columns.arrived()) right = 0;
  if (!error.empty()) std::fprintf(stderr, "%s: %s\n", way.name, error.c_str());
  MPI_Allreduce(MPI_IN_PLACE, &right, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  const RankSpread spread = median_window(seconds, MPI_COMM_WORLD);
  return right != 0 ? spread.slowest_us : -1;
}

int run(std::span<char* const> command_line) {
  int rank = 0;
  int ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  Options options;
  int n = 4096;
  auto refusal = read_column_options(command_line, options, n);
  if (!options.help.empty()) {
    if (rank == 0) std::fputs(options.help.c_str(), stdout);
    return 0;
  }
  Selection selection;
  refusal = refusal ? refusal : select_for(options, kAlltoallv, MPI_COMM_WORLD, selection);
  if (refusal) {
    if (rank == 0) std::fprintf(stderr, "osu_mpix_column: %s\n", refusal->c_str());
    return 2;
  }
  Device& device = *selection.device;
  MPI_Info info = MPI_INFO_NULL;
  MPI_Info_create(&info);
  MPI_Info_set(info, "causeway_device", device.name());
  MPIX_Comm_attach(MPI_COMM_WORLD, info);
  MPI_Info_free(&info);
  Columns columns(device, n);
  int possible = n >= ranks && columns.has_memory() && columns.fill().empty() ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &possible, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (possible == 0) {
    if (rank == 0)
      std::fprintf(stderr, "osu_mpix_column: no memory, or fewer columns than ranks\n");
    return 2;
  }
  if (rank == 0) {
    for (const std::string& remark : device.file_remarks()) std::printf("# %s\n", remark.c_str());
    const char* const commit = std::getenv("CAUSEWAY_COMMIT");
    std::printf("# causeway %s, commit %s\n", CAUSEWAY_VERSION_STRING,
                commit != nullptr ? commit : "not said");
    std::printf("device,ranks,matrix,way,latency_us,ratio_vs_causeway,validated\n");
  }
  std::vector<Way> ways{{"causeway", kCallsOfCauseway, [&] { return columns.causeway(); }}};
  if (!device.has_mirrors()) {
    ways.push_back({"mpi", kCallsOfCauseway, [&] { return columns.mpi(); }});
  }
  ways.push_back({"pack", 1, [&] { return columns.pack(); }});
  ways.push_back({"pieces", 1, [&] { return columns.copies(false); }});
  if (device.has_mirrors()) {
    ways.push_back({"copy2d", kCallsOfCauseway, [&] { return columns.copies(true); }});
  }
  double causeway = 0;
  bool all_right = true;
  for (const Way& way : ways) {
    const double us = time_of(way, columns);
    if (causeway == 0) causeway = us;
    all_right = all_right && us >= 0;
    if (rank == 0) {
      std::printf("%s,%d,%d,%s,%.1f,%.2f,%s\n", device.name(), ranks, n, way.name, us,
                  us / causeway, us >= 0 ? "pass" : "fail");
    }
  }
  return all_right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const int status = run({argv, static_cast<std::size_t>(argc)});
  MPI_Finalize();
  return status;
}
