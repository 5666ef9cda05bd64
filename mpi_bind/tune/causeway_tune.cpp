// causeway-tune: measures how messages travel best between its ranks and writes rules of it,
// `mpirun -n 8 causeway-tune [-o FILE] ...`; options.cpp has the options.
#include "choices.hpp"
#include "device.hpp"
#include "measurement.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "rules_file.hpp"

#include <causeway/config.h>
#include <causeway/mpix.h>
#include <number.hpp>

#include <mpi.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <optional>

using namespace causeway;
using namespace causeway::tune;

namespace {

/// Exit statuses, the same on all ranks.
constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrongUse = 2;

volatile std::sig_atomic_t stop = 0;

/// The first SIGINT or SIGTERM asks for a good end, the second one does not ask.
void handle_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  // That the file may not become so large write() says too.
  std::signal(SIGXFSZ, SIG_IGN);
}

class Run {
 public:
  explicit Run(MPI_Comm comm) : comm_(comm) {
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &ranks_);
  }

  int run(std::span<char* const> command_line);

 private:
  bool is_first() const { return rank_ == 0; }
  int complain(const Status& status, int code) const;
  bool agree(bool mine) const;
  Status first_says(const Status& status) const;
  Status choose_device();
  Status attach() const;
  Status measure(Measurement& measurement, const std::vector<Cell>& cells);
  Remarks remarks(std::size_t cells) const;
  Status write(std::size_t cells) const;
  void print() const;

  MPI_Comm comm_;
  int rank_ = 0;
  int ranks_ = 1;
  Options options_;
  DeviceKind kind_ = DeviceKind::kHost;
  std::unique_ptr<Device> device_;
  std::vector<Finding> findings_;
};

int Run::complain(const Status& status, int code) const {
  if (is_first()) std::fprintf(stderr, "causeway-tune: %s\n", status.message().c_str());
  return code;
}

bool Run::agree(bool mine) const {
  int all = mine ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, comm_);
  return all == 1;
}

/// Rank 0's status on rank 0, and that there was an error on the others.
Status Run::first_says(const Status& status) const {
  if (agree(!is_first() || status.ok()) || is_first()) return status;
  return {ErrorKind::kFailed, "rank 0 failed"};
}

/// Takes what --device says, else what CAUSEWAY_DEVICE says, else GPUs where every rank has one.
Status Run::choose_device() {
  if (options_.device == DeviceChoice::kAuto) {
    const std::string given = environment("CAUSEWAY_DEVICE").value_or("auto");
    if (given == "host") options_.device = DeviceChoice::kHost;
    if (given == "cuda") options_.device = DeviceChoice::kCuda;
  }
  device_ = make_host_device();
  if (options_.device == DeviceChoice::kHost) return {};
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
  int rank_here = 0;
  MPI_Comm_rank(host, &rank_here);
  MPI_Comm_free(&host);
  std::string why = "another rank has none";
  std::unique_ptr<Device> gpu = make_cuda_device(rank_here, &why);
  if (agree(gpu != nullptr)) {
    device_ = std::move(gpu);
    kind_ = DeviceKind::kCuda;
  } else if (options_.device == DeviceChoice::kCuda) {
    return Status::error(ErrorKind::kUnsupported,
                         "--device cuda: not every rank has a GPU to use: %s", why.c_str());
  }
  return {};
}

Status Run::attach() const {
  MPI_Info info = MPI_INFO_NULL;
  MPI_Info_create(&info);
  MPI_Info_set(info, "causeway_device", kind_ == DeviceKind::kCuda ? "cuda" : "host");
  const int code = MPIX_Comm_attach(comm_, info);
  MPI_Info_free(&info);
  if (code == MPI_SUCCESS) return {};
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return {ErrorKind::kFailed, text};
}

Status Run::measure(Measurement& measurement, const std::vector<Cell>& cells) {
  std::optional<Progress> progress;
  const auto seconds = static_cast<double>(options_.seconds);
  if (is_first()) progress.emplace(cells.size(), seconds);
  const double begun = MPI_Wtime();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    // What earlier ones have not used, or have used too much, is shared by the others.
    double passed = MPI_Wtime() - begun;
    MPI_Bcast(&passed, 1, MPI_DOUBLE, 0, comm_);
    if (progress) progress->begin(cells[i], i, passed);
    const double share = (seconds - passed) / static_cast<double>(cells.size() - i);
    Finding finding{};
    Measurement::Outcome outcome{};
    CAUSEWAY_TRY(measurement.measure(cells[i], share, &finding, &outcome));
    if (outcome == Measurement::Outcome::kStopped) return {};
    if (progress) progress->end(finding, MPI_Wtime() - begun);
    findings_.push_back(finding);
  }
  return {};
}

Remarks Run::remarks(std::size_t cells) const {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  char date[64] = "";
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S %z", &local);
  Remarks all{
      std::string("causeway tuning rules, measured by causeway-tune ") + CAUSEWAY_VERSION_STRING,
      std::string("date: ") + date, std::string("host: ") + host, "device: " + device_->name(),
      "ranks: " + std::to_string(ranks_)};
  if (findings_.size() < cells) {
    all.push_back("stopped after " + std::to_string(findings_.size()) + " of " +
                  std::to_string(cells) + " measurements");
  }
  for (const Finding& finding : findings_) {
    char line[160];
    std::snprintf(line, sizeof line,
                  "%s %s %s: %.2f us with the table in force, %.2f us with these",
                  name_of(finding.cell.operation), name_of(finding.cell.link),
                  number_text(finding.cell.bytes).c_str(), finding.table_seconds * 1e6,
                  finding.seconds * 1e6);
    all.emplace_back(line);
    if (finding.dropped) {
      all.push_back(doubt_text(*finding.dropped, finding.cell, finding.table_seconds));
    }
  }
  return all;
}

Status Run::write(std::size_t cells) const {
  CAUSEWAY_TRY(write_rules(options_.output, remarks(cells), rules_of(findings_)));
  std::vector<TuningRule> readable;
  return read_rules(options_.output, &readable);
}

void Run::print() const {
  std::printf("%-10s %-8s %8s %14s %14s %7s\n", "operation", "link", "bytes", "table, us",
              "rules, us", "gain");
  for (const Finding& finding : findings_) {
    std::printf("%-10s %-8s %8s %14.2f %14.2f %6.0f%%\n", name_of(finding.cell.operation),
                name_of(finding.cell.link), number_text(finding.cell.bytes).c_str(),
                finding.table_seconds * 1e6, finding.seconds * 1e6,
                std::round((finding.table_seconds / finding.seconds - 1) * 100));
  }
  for (const Finding& finding : findings_) {
    if (!finding.dropped) continue;
    std::printf("%s\n", doubt_text(*finding.dropped, finding.cell, finding.table_seconds).c_str());
  }
  const std::size_t rules = rules_of(findings_).size();
  const char* const path = options_.output.c_str();
  if (rules == 0) {
    std::printf("\nThe table in force is best; %s has no rules.\n", path);
  } else {
    std::printf("\nRules in %s: %zu. To use them: CAUSEWAY_TUNING_FILE=%s\n", path, rules, path);
  }
}

int Run::run(std::span<char* const> command_line) {
  const Status readable = read_options(command_line, &options_);
  if (!readable.ok()) {
    complain(readable, kWrongUse);
    if (is_first()) std::fprintf(stderr, "For usage: causeway-tune --help\n");
    return kWrongUse;
  }
  if (!options_.help.empty()) {
    if (is_first()) std::fputs(options_.help.c_str(), stdout);
    return kDone;
  }
  if (ranks_ < 2) {
    return complain({ErrorKind::kArgument, "at least two ranks are needed, there is 1"}, kWrongUse);
  }
  Status status = first_says(check_output(options_.output));
  if (!status.ok()) return complain(status, kWrongUse);
  status = choose_device();
  if (status.ok()) status = attach();
  if (!status.ok()) return complain(status, kFailed);

  Measurement measurement(comm_, kind_, *device_, &stop);
  const Range sizes = options_.sizes.value_or(default_sizes(kind_));
  std::vector<Cell> cells;
  for (const Operation operation : {Operation::kAlltoallv, Operation::kSendrecv}) {
    for (const device::LinkKind link : {device::LinkKind::kMemory, device::LinkKind::kNetwork}) {
      if (!measurement.has_link(link)) continue;
      for (const std::uint64_t bytes : sizes_in(sizes)) cells.push_back({link, bytes, operation});
    }
  }
  status = measurement.allocate(sizes_in(sizes).back());
  if (status.ok()) status = measure(measurement, cells);
  if (status.ok()) status = first_says(is_first() ? write(cells.size()) : Status());
  if (!status.ok()) return complain(status, kFailed);
  if (is_first()) print();
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  handle_signals();
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  const int status = Run(comm).run({argv, static_cast<std::size_t>(argc)});
  MPI_Comm_free(&comm);
  std::fflush(nullptr);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Finalize();
  return status;
}
