// A program that measures one operation by size, with the options and the table of OSU's
// benchmarks.
#include "benchmark.hpp"

#include "exchange.hpp"
#include "report.hpp"
#include "selection.hpp"

#include <causeway/mpix.h>
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <span>
#include <string_view>
#include <vector>

namespace causeway::osu {
namespace {

/// Exit statuses.
constexpr int kDone = 0;
constexpr int kFailed = 1;       ///< a byte was wrong, or something went wrong on the way
constexpr int kNotPossible = 2;  ///< what was asked for cannot be done

class Benchmark {
 public:
  Benchmark(const Program& program, MPI_Comm comm)
      : program_(program), all_ranks_(comm), comm_(comm) {
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &ranks_);
  }
  ~Benchmark() {
    if (comm_ != all_ranks_) {
      MPI_Comm_free(&comm_);
    }
  }
  Benchmark(const Benchmark&) = delete;
  Benchmark& operator=(const Benchmark&) = delete;

  /// The whole program between MPI_Init and MPI_Finalize; returns the exit status.
  int run(std::span<char* const> command_line);

 private:
  [[nodiscard]] bool is_first() const { return rank_ == 0; }
  void complain(const std::string& sentence) const;
  int refuse(const std::string& sentence) const;
  [[nodiscard]] bool first_says(bool yes) const;

  [[nodiscard]] int attach() const;
  [[nodiscard]] std::size_t largest_runnable();
  [[nodiscard]] std::vector<std::size_t> sizes(std::size_t element_bytes,
                                               std::size_t largest) const;
  [[nodiscard]] std::vector<std::string> remarks() const;
  void write_csv_heading();
  void print_heading() const;
  [[nodiscard]] int run_elements(std::size_t largest);
  [[nodiscard]] bool run_sizes(Exchange& exchange, Element element, std::size_t largest);
  [[nodiscard]] bool run_size(Exchange& exchange, Element element, std::size_t bytes);

  const Program& program_;
  const MPI_Comm all_ranks_;
  MPI_Comm comm_;  ///< of the calls
  int rank_ = 0;
  int ranks_ = 1;
  Options options_;
  Pattern pattern_;
  Selection selection_;
  Columns columns_;
  std::optional<CsvFile> csv_;  ///< on rank 0
};

void Benchmark::complain(const std::string& sentence) const {
  if (is_first()) {
    std::fprintf(stderr, "%s: %s\n", program_.usage.program, sentence.c_str());
  }
}

int Benchmark::refuse(const std::string& sentence) const {
  complain(sentence);
  if (is_first()) {
    std::fprintf(stderr, "For usage: %s --help\n", program_.usage.program);
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
  const std::size_t limit = options_.memory_limit.value();
  const std::size_t by_memory = largest_within(pattern_, limit);
  const std::size_t by_int = largest_addressable(pattern_);
  const std::size_t most = std::min(by_memory, by_int);
  if (most < options_.largest) {
    options_.notes.push_back("skipping sizes above " + std::to_string(most) + " bytes per " +
                             program_.usage.unit + ": " +
                             (by_memory < by_int
                                  ? "option -M, --mem-limit, is " + std::to_string(limit)
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

/// What a table's and a file's head say of how the exchanges differ from plain ones.
std::vector<std::string> Benchmark::remarks() const {
  std::vector<std::string> all;
  for (const std::string& remark : pattern_.remarks) {
    all.push_back("Pattern: " + remark);
  }
  if (options_.registered) {
    all.push_back(std::string("Buffers: ") +
                  (options_.place == Place::kHost ? "of MPIX_Mem_alloc, " : "") +
                  "registered with causeway" + (options_.versus_nccl ? " and NCCL" : ""));
  }
  if (options_.max_ctas > 0) {
    all.push_back("Thread blocks: at most " + std::to_string(options_.max_ctas) + " of causeway" +
                  (options_.versus_nccl ? " and NCCL's sends and receives" : ""));
  }
  return all;
}

void Benchmark::write_csv_heading() {
  for (const std::string& remark : selection_.device->file_remarks()) {
    csv_->write_comment(remark);
  }
  for (const std::string& remark : remarks()) {
    csv_->write_comment(remark);
  }
  for (const LibraryName& library : columns_.libraries) {
    if (!library.remark.empty()) {
      csv_->write_comment(library.title + ": " + library.remark);
    }
  }
  csv_->write_columns();
}

void Benchmark::print_heading() const {
  std::printf("\n");
  print_title(program_.usage.title);
  for (const std::string& remark : remarks()) {
    print_comment(remark);
  }
  for (const std::string& remark : selection_.device->table_remarks()) {
    print_comment(remark);
  }
  print_meaning(columns_);
}

bool Benchmark::run_size(Exchange& exchange, Element element, std::size_t bytes) {
  const MeasuredSize measured = exchange.measure(element, bytes);

  Row row{bytes, measured.calls, measured.bytes_to_others, {}};
  for (std::size_t i = 0; i < selection_.libraries.size(); ++i) {
    const Measured& result = measured.by_library[i];
    row.results.push_back({selection_.libraries[i]->name(), result.time, result.passed});
  }
  if (is_first()) {
    print_row(columns_, row);
  }
  if (csv_) {
    const std::string operation = program_.operation_name;
    csv_->write_row(columns_, row, options_.in_place ? operation + "_in_place" : operation, ranks_,
                    selection_.device->name());
  }
  return row.passed();
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
  if (const auto error = read_options(command_line, ranks_, program_.usage, options_)) {
    return refuse(*error);
  }
  if (!options_.help.empty() || options_.version) {
    if (is_first() && options_.help.empty()) {
      print_title(program_.usage.title);
    } else if (is_first()) {
      std::fputs(options_.help.c_str(), stdout);
    }
    return kDone;
  }
  if (const auto wrong = program_.make_pattern(options_, comm_, pattern_)) {
    return refuse(*wrong);
  }
  if (program_.make_communicator != nullptr) {
    comm_ = program_.make_communicator(pattern_, all_ranks_);
  }
  if (const auto missing = select_for(options_, program_.operation, comm_, selection_)) {
    return refuse(*missing);
  }
  columns_ = {options_.full, options_.validate, options_.place == Place::kCuda, {}};
  for (const auto& library : selection_.libraries) {
    columns_.libraries.push_back(library->name());
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
    write_csv_heading();
  }
  if (!first_says(!csv_ || csv_->flush())) {
    return refuse("option --csv: cannot write '" + options_.csv_path + "'");
  }
  int status = run_elements(largest);
  if (status == kNotPossible) {
    return status;
  }
  if (const int code = MPIX_Comm_detach(comm_); code != MPI_SUCCESS) {
    complain("MPIX_Comm_detach: " + error_sentence(code));
    status = kFailed;
  }
  if (!first_says(!csv_ || csv_->flush())) {
    complain("option --csv: could not write all of '" + options_.csv_path + "'");
    status = kFailed;
  }
  // A code that only some ranks got must not make their exit statuses differ.
  MPI_Allreduce(MPI_IN_PLACE, &status, 1, MPI_INT, MPI_MAX, comm_);
  return status;
}

int Benchmark::attach() const {
  MPI_Info info = MPI_INFO_NULL;
  MPI_Info_create(&info);
  MPI_Info_set(info, "causeway_device", selection_.device->name());
  if (options_.max_ctas > 0) {
    MPI_Info_set(info, "causeway_max_ctas", std::to_string(options_.max_ctas).c_str());
  }
  const int code = MPIX_Comm_attach(comm_, info);
  MPI_Info_free(&info);
  return code;
}

int Benchmark::run_elements(std::size_t largest) {
  // Here rather than on first use, so that no timed call contains it even without warm-up, and
  // before the buffers, which may be causeway's.
  if (const int code = attach(); code != MPI_SUCCESS) {
    complain("MPIX_Comm_attach: " + error_sentence(code));
    return kFailed;
  }
  Exchange exchange(options_, pattern_, *selection_.device, selection_.libraries, comm_);
  if (!exchange.allocate(largest)) {
    return refuse("no memory for the buffers; lower -m or -M");
  }
  if (is_first()) {
    print_heading();
  }
  const bool passed = std::ranges::all_of(
      options_.elements, [&](Element element) { return run_sizes(exchange, element, largest); });
  if (!passed) {
    complain("validation failed, the remaining sizes were not run");
  }
  return passed ? kDone : kFailed;
}

}  // namespace

int run_program(const Program& program, int argc, char* argv[]) {
  // Only where it is needed: MPI's own calls take longer with it.
  const bool immediate = std::any_of(
      argv, argv + argc, [](const char* word) { return std::string_view(word) == kImmediate; });
  int granted = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, immediate ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE, &granted);
  const int status = Benchmark(program, MPI_COMM_WORLD).run({argv, static_cast<std::size_t>(argc)});
  // Nothing may be lost when a launcher ends the job at the first rank that reports a failure.
  std::fflush(nullptr);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Finalize();
  return status;
}

}  // namespace causeway::osu
