// Latency of MPIX_Alltoallv by size, with the options and the table of OSU's osu_alltoallv.
#include "exchange.hpp"
#include "options.hpp"
#include "report.hpp"

#include <causeway/mpix.h>
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace causeway::osu;

constexpr const char* kProgram = "osu_mpix_alltoallv";

/// Exit statuses, the same on all ranks.
constexpr int kDone = 0;
constexpr int kFailed = 1;       ///< a byte was wrong, or something went wrong on the way
constexpr int kNotPossible = 2;  ///< what was asked for cannot be done

class Benchmark {
 public:
  explicit Benchmark(MPI_Comm comm) : comm_(comm) {
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &ranks_);
  }

  /// The whole program between MPI_Init and MPI_Finalize; returns the exit status.
  int run(std::span<char* const> command_line);

 private:
  [[nodiscard]] bool is_first() const { return rank_ == 0; }
  void complain(const std::string& sentence) const;
  int refuse(const std::string& sentence) const;
  [[nodiscard]] bool first_says(bool yes) const;

  [[nodiscard]] std::size_t largest_runnable();
  [[nodiscard]] std::vector<std::size_t> sizes(std::size_t element_bytes,
                                               std::size_t largest) const;
  void print_heading() const;
  [[nodiscard]] bool run_sizes(Exchange& exchange, Element element, std::size_t largest);
  [[nodiscard]] bool run_size(Exchange& exchange, Element element, std::size_t bytes);

  MPI_Comm comm_;
  int rank_ = 0;
  int ranks_ = 1;
  Options options_;
  Columns columns_;
  std::optional<CsvFile> csv_;  ///< on rank 0
};

void Benchmark::complain(const std::string& sentence) const {
  if (is_first()) {
    std::fprintf(stderr, "%s: %s\n", kProgram, sentence.c_str());
  }
}

int Benchmark::refuse(const std::string& sentence) const {
  complain(sentence);
  if (is_first()) {
    std::fprintf(stderr, "For usage: %s --help\n", kProgram);
  }
  return kNotPossible;
}

bool Benchmark::first_says(bool yes) const {
  int verdict = yes ? 1 : 0;
  MPI_Bcast(&verdict, 1, MPI_INT, 0, comm_);
  return verdict == 1;
}

std::size_t Benchmark::largest_runnable() {
  // OSU's rule: the limit is for the blocks of all peers, in one buffer.
  const std::size_t by_memory = options_.memory_limit / static_cast<std::size_t>(ranks_);
  const std::size_t by_int = largest_addressable(ranks_);
  const std::size_t most = std::min(by_memory, by_int);
  if (most < options_.largest) {
    options_.notes.push_back(
        "skipping sizes above " + std::to_string(most) + " bytes per peer: " +
        (by_memory < by_int ? "option -M, --mem-limit, is " + std::to_string(options_.memory_limit)
                            : std::string("a displacement of type int reaches no further")));
  }
  return std::min(most, options_.largest);
}

std::vector<std::size_t> Benchmark::sizes(std::size_t element_bytes, std::size_t largest) const {
  std::vector<std::size_t> all;
  for (std::size_t bytes = options_.smallest; bytes <= largest; bytes *= 2) {
    if (bytes >= element_bytes) {
      all.push_back(bytes);
    }
  }
  return all;
}

void Benchmark::print_heading() const {
  std::printf("\n");
  print_title("MPIX_Alltoallv");
  if (options_.skew > 0.0 || options_.sparsity > 0.0) {
    print_comment("Pattern: skew " + shortest(options_.skew) + ", sparsity " +
                  shortest(options_.sparsity) + ", seed " + std::to_string(options_.seed));
  }
  print_meaning(columns_);
}

bool Benchmark::run_size(Exchange& exchange, Element element, std::size_t bytes) {
  std::vector<Library> libraries{{"causeway", MPIX_Alltoallv}};
  if (options_.versus_mpi) {
    libraries.push_back({"mpi", MPI_Alltoallv});
  }
  const std::vector<Measured> measured = exchange.measure(libraries, element, bytes);

  Row row;
  row.bytes = bytes;
  row.iterations = options_.iterations_for(bytes);
  row.causeway = measured.front().time;
  row.causeway_passed = measured.front().passed;
  if (options_.versus_mpi) {
    row.mpi = measured.back().time;
    row.mpi_passed = measured.back().passed;
  }
  if (is_first()) {
    print_row(columns_, row);
  }
  if (csv_) {
    csv_->write_row(columns_, row, options_.in_place ? "alltoallv_in_place" : "alltoallv", ranks_);
  }
  return row.causeway_passed && row.mpi_passed;
}

bool Benchmark::run_sizes(Exchange& exchange, Element element, std::size_t largest) {
  const ElementType type = element_type(element);
  if (is_first()) {
    print_comment(std::string("Datatype: ") + type.name + ".");
    print_columns(columns_);
  }
  if (csv_) {
    csv_->write_comment(std::string("datatype: ") + type.name);
  }
  for (const std::size_t bytes : sizes(type.bytes, largest)) {
    if (!run_size(exchange, element, bytes)) {
      return false;
    }
  }
  return true;
}

int Benchmark::run(std::span<char* const> command_line) {
  std::vector<Option> table = osu_options(options_);
  for (Option& option : exchange_options(options_)) {
    table.push_back(std::move(option));
  }
  auto error = read_command_line(command_line.subspan(1), table);
  error = error ? error : finish_options(options_, ranks_);
  if (error) {
    return refuse(*error);
  }
  if (options_.help || options_.version) {
    if (is_first()) {
      options_.help ? print_help(kProgram, table) : print_title("MPIX_Alltoallv");
    }
    return kDone;
  }
  if (ranks_ < 2) {
    return refuse("at least two ranks are needed, there is 1");
  }

  const std::size_t largest = largest_runnable();
  for (const std::string& note : options_.notes) {
    complain(note);
  }
  const bool has_sizes = std::ranges::any_of(options_.elements, [&](Element element) {
    return !sizes(element_type(element).bytes, largest).empty();
  });
  if (!has_sizes) {
    return refuse("options -m, --message-size, and -T, --type, leave no size to run");
  }
  if (!options_.csv_path.empty() && is_first()) {
    csv_.emplace(options_.csv_path, command_line);
  }
  if (!first_says(!csv_ || csv_->flush())) {
    return refuse("option --csv: cannot write '" + options_.csv_path + "'");
  }
  Exchange exchange(options_, comm_);
  if (!exchange.allocate(largest)) {
    return refuse("no memory for the buffers; lower -m or -M");
  }

  // Here rather than on first use, so that no timed call contains it even without warm-up.
  if (const int code = MPIX_Comm_attach(comm_, MPI_INFO_NULL); code != MPI_SUCCESS) {
    complain("MPIX_Comm_attach: " + error_sentence(code));
    return kFailed;
  }
  columns_ = {options_.full, options_.validate, options_.versus_mpi};
  if (is_first()) {
    print_heading();
  }
  const bool passed = std::ranges::all_of(
      options_.elements, [&](Element element) { return run_sizes(exchange, element, largest); });
  if (!passed) {
    complain("validation failed, the remaining sizes were not run");
  }
  const int code = MPIX_Comm_detach(comm_);
  int status = passed && code == MPI_SUCCESS ? kDone : kFailed;
  if (code != MPI_SUCCESS) {
    complain("MPIX_Comm_detach: " + error_sentence(code));
  }
  if (!first_says(!csv_ || csv_->flush())) {
    complain("option --csv: could not write all of '" + options_.csv_path + "'");
    status = std::max(status, kFailed);
  }
  // A code that only some ranks got must not make their exit statuses differ.
  MPI_Allreduce(MPI_IN_PLACE, &status, 1, MPI_INT, MPI_MAX, comm_);
  return status;
}

}  // namespace

int main(int argc, char* argv[]) {
  MPI_Init(&argc, &argv);
  const int status = Benchmark(MPI_COMM_WORLD).run({argv, static_cast<std::size_t>(argc)});
  // Nothing may be lost when a launcher ends the job at the first rank that reports a failure.
  std::fflush(nullptr);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Finalize();
  return status;
}
