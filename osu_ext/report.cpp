// What a benchmark prints: OSU's header and columns, the comparison of libraries, and the CSV file.
#include "report.hpp"

#include <causeway/config.h>
#include <mpi.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iomanip>

namespace causeway::osu {
namespace {

// OSU's widths, so that what reads its tables reads these.
constexpr int kSizeWidth = 10;
constexpr int kFieldWidth = 20;
constexpr int kIterationsWidth = 12;

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) {
    text.pop_back();
  }
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string host_name() {
  char name[MPI_MAX_PROCESSOR_NAME] = {};
  int length = 0;
  MPI_Get_processor_name(name, &length);
  return one_line(std::string(name, static_cast<std::size_t>(length)));
}

std::string mpi_version() {
  char name[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(name, &length);
  return one_line(std::string(name, static_cast<std::size_t>(length)));
}

std::string_view verdict(const Columns& columns, bool passed) {
  return !columns.validation ? "no" : passed ? "pass" : "fail";
}

const Result* result_of(const Row& row, std::string_view library) {
  const auto found = std::ranges::find_if(
      row.results, [&](const Result& result) { return result.library.name == library; });
  return found == row.results.end() ? nullptr : &*found;
}

bool compares(const Columns& columns) { return columns.libraries.size() > 1; }

/// Of causeway's contestants that stand before the library at `index`, their indices.
std::vector<std::size_t> compared_with(const Columns& columns, std::size_t index) {
  std::vector<std::size_t> indices;
  for (std::size_t before = 0; before < index; ++before) {
    if (columns.libraries[before].is_causeway) {
      indices.push_back(before);
    }
  }
  return indices;
}

void print_rival_meaning(const Columns& columns, std::size_t index) {
  const LibraryName& rival = columns.libraries[index];
  const char* const title = rival.title.c_str();
  if (!rival.remark.empty()) {
    std::printf("# %s: %s\n", title, rival.remark.c_str());
  }
  std::printf("# %s Slowest: the same of %s's call, timed in turns with causeway's\n", title,
              title);
  for (const std::size_t other : compared_with(columns, index)) {
    const std::string& name = columns.libraries[other].title;
    std::printf("# %s/%s: %s Slowest divided by %sSlowest; above 1, %s is faster\n", title,
                name.c_str(), title, other == 0 ? "" : (name + " ").c_str(), name.c_str());
  }
}

}  // namespace

bool Row::passed() const { return std::ranges::all_of(results, &Result::passed); }

void print_title(std::string_view operation) {
  std::printf("# OSU-style %.*s Latency Test, causeway v%s\n", static_cast<int>(operation.size()),
              operation.data(), CAUSEWAY_VERSION_STRING);
}

void print_comment(std::string_view text) {
  std::printf("# %.*s\n", static_cast<int>(text.size()), text.data());
}

void print_meaning(const Columns& columns) {
  if (columns.bandwidth) {
    std::printf(
        "# BusBw: bytes that a rank sends to other ranks, mean of the ranks, divided by the time "
        "of\n"
        "# the slowest rank, median of %d windows\n",
        kWindows);
  }
  if (compares(columns)) {
    std::printf("# Slowest: slowest rank's mean time of a causeway call, median of %d windows\n",
                kWindows);
  }
  for (std::size_t i = 1; i < columns.libraries.size(); ++i) {
    print_rival_meaning(columns, i);
  }
}

void print_columns(const Columns& columns) {
  std::printf("%-*s%*s", kSizeWidth, "# Size", kFieldWidth, "Avg Latency(us)");
  if (columns.full) {
    std::printf("%*s%*s%*s", kFieldWidth, "Min Latency(us)", kFieldWidth, "Max Latency(us)",
                kIterationsWidth, "Iterations");
  }
  if (columns.bandwidth) {
    std::printf("%*s", kFieldWidth, "BusBw(GB/s)");
  }
  if (columns.validation) {
    std::printf("%*s", kFieldWidth, "Validation");
  }
  if (compares(columns)) {
    std::printf("%*s", kFieldWidth, "Slowest(us)");
  }
  for (std::size_t i = 1; i < columns.libraries.size(); ++i) {
    const std::string& title = columns.libraries[i].title;
    std::printf("%*s", kFieldWidth, (title + " Slowest(us)").c_str());
    for (const std::size_t other : compared_with(columns, i)) {
      std::printf("%*s", kFieldWidth, (title + "/" + columns.libraries[other].title).c_str());
    }
  }
  std::printf("\n");
  std::fflush(stdout);
}

void print_row(const Columns& columns, const Row& row) {
  const RankSpread& time = row.causeway().time;
  std::printf("%-*zu%*.2f", kSizeWidth, row.bytes, kFieldWidth, time.average_us);
  if (columns.full) {
    std::printf("%*.2f%*.2f%*d", kFieldWidth, time.fastest_us, kFieldWidth, time.slowest_us,
                kIterationsWidth, row.iterations);
  }
  if (columns.bandwidth) {
    std::printf("%*.2f", kFieldWidth, bus_bandwidth(row, time));
  }
  if (columns.validation) {
    std::printf("%*s", kFieldWidth, row.passed() ? "Pass" : "Fail");
  }
  if (compares(columns)) {
    std::printf("%*.2f", kFieldWidth, time.slowest_us);
  }
  for (std::size_t i = 1; i < row.results.size(); ++i) {
    const RankSpread& rival = row.results[i].time;
    std::printf("%*.2f", kFieldWidth, rival.slowest_us);
    for (const std::size_t other : compared_with(columns, i)) {
      std::printf("%*.2f", kFieldWidth, ratio(rival, row.results[other].time));
    }
  }
  std::printf("\n");
  std::fflush(stdout);
}

double ratio(const RankSpread& above, const RankSpread& below) {
  return below.slowest_us > 0.0 ? above.slowest_us / below.slowest_us : 0.0;
}

double bus_bandwidth(const Row& row, const RankSpread& time) {
  return time.slowest_us > 0.0 ? row.bytes_to_others / time.slowest_us / 1e3 : 0.0;
}

CsvFile::CsvFile(const std::string& path, std::span<char* const> command_line) : file_(path) {
  std::string command;
  for (const char* const argument : command_line) {
    command += command.empty() ? "" : " ";
    command += argument;
  }
  write_comment("command line: " + one_line(command));
  write_comment("host: " + host_name());
  write_comment("MPI: " + mpi_version());
  write_comment(std::string("causeway: ") + CAUSEWAY_VERSION_STRING);
  if (const char* const commit = std::getenv("CAUSEWAY_COMMIT")) {
    write_comment("commit: " + one_line(commit));
  }
  write_comment(
      "latency_us: mean over the ranks; min_us, max_us: fastest and slowest rank; all of "
      "the window whose max_us is the median");
  write_comment("ratio_vs_mpi: max_us of mpi divided by max_us of the line's library");
}

void CsvFile::write_columns() {
  write_comment(
      "busbw_gbs: bytes that a rank sends to other ranks, mean of the ranks, divided by max_us");
  write_comment("latency_nccl_us: latency_us of nccl; ratio_vs_nccl: as ratio_vs_mpi, with nccl");
  write_comment("latency_..._us, ratio_vs_... of causeway_plan and nccl_ce: likewise");
  file_ << "library,operation,ranks,bytes_per_peer,latency_us,min_us,max_us,ratio_vs_mpi,"
           "validated,device,busbw_gbs,latency_nccl_us,ratio_vs_nccl,latency_causeway_plan_us,"
           "ratio_vs_causeway_plan,latency_nccl_ce_us,ratio_vs_nccl_ce\n";
}

void CsvFile::write_comment(std::string_view text) { file_ << "# " << text << '\n'; }

void CsvFile::write_row(const Columns& columns, const Row& row, std::string_view operation,
                        int ranks, std::string_view device) {
  const Result* const mpi = result_of(row, "mpi");
  const std::array<const Result*, 3> others{result_of(row, "nccl"), result_of(row, "causeway-plan"),
                                            result_of(row, "nccl-ce")};
  file_ << std::fixed << std::setprecision(3);
  const auto write_if = [&](bool known, double value) {
    file_ << ',';
    if (known) {
      file_ << value;
    }
  };
  for (const auto& [library, time, passed] : row.results) {
    file_ << library.name << ',' << operation << ',' << ranks << ',' << row.bytes << ','
          << time.average_us << ',' << time.fastest_us << ',' << time.slowest_us;
    write_if(mpi != nullptr, mpi != nullptr ? ratio(mpi->time, time) : 0.0);
    file_ << ',' << verdict(columns, passed) << ',' << device;
    write_if(columns.bandwidth, bus_bandwidth(row, time));
    for (const Result* const other : others) {
      write_if(other != nullptr, other != nullptr ? other->time.average_us : 0.0);
      write_if(other != nullptr, other != nullptr ? ratio(other->time, time) : 0.0);
    }
    file_ << '\n';
  }
  file_.flush();  // rows of a run that is ended early count too
}

bool CsvFile::flush() {
  file_.flush();
  return static_cast<bool>(file_);
}

}  // namespace causeway::osu
