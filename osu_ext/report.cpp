// What a benchmark prints: OSU's header and columns, the comparison with MPI, and the CSV file.
#include "report.hpp"

#include <causeway/config.h>
#include <mpi.h>

#include <algorithm>
#include <cstdio>
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

}  // namespace

void print_title(std::string_view operation) {
  std::printf("# OSU-style %.*s Latency Test, causeway v%s\n", static_cast<int>(operation.size()),
              operation.data(), CAUSEWAY_VERSION_STRING);
}

void print_comment(std::string_view text) {
  std::printf("# %.*s\n", static_cast<int>(text.size()), text.data());
}

void print_meaning(const Columns& columns) {
  if (!columns.versus_mpi) {
    return;
  }
  std::printf(
      "# Slowest: slowest rank's mean time of a causeway call, median of %d windows\n"
      "# MPI Slowest: the same of MPI's call, timed in turns with causeway's\n"
      "# MPI/Causeway: MPI Slowest divided by Slowest; above 1, causeway is faster\n",
      kWindows);
}

void print_columns(const Columns& columns) {
  std::printf("%-*s%*s", kSizeWidth, "# Size", kFieldWidth, "Avg Latency(us)");
  if (columns.full) {
    std::printf("%*s%*s%*s", kFieldWidth, "Min Latency(us)", kFieldWidth, "Max Latency(us)",
                kIterationsWidth, "Iterations");
  }
  if (columns.validation) {
    std::printf("%*s", kFieldWidth, "Validation");
  }
  if (columns.versus_mpi) {
    std::printf("%*s%*s%*s", kFieldWidth, "Slowest(us)", kFieldWidth, "MPI Slowest(us)",
                kFieldWidth, "MPI/Causeway");
  }
  std::printf("\n");
  std::fflush(stdout);
}

void print_row(const Columns& columns, const Row& row) {
  std::printf("%-*zu%*.2f", kSizeWidth, row.bytes, kFieldWidth, row.causeway.average_us);
  if (columns.full) {
    std::printf("%*.2f%*.2f%*d", kFieldWidth, row.causeway.fastest_us, kFieldWidth,
                row.causeway.slowest_us, kIterationsWidth, row.iterations);
  }
  if (columns.validation) {
    std::printf("%*s", kFieldWidth, row.causeway_passed && row.mpi_passed ? "Pass" : "Fail");
  }
  if (columns.versus_mpi) {
    std::printf("%*.2f%*.2f%*.2f", kFieldWidth, row.causeway.slowest_us, kFieldWidth,
                row.mpi.slowest_us, kFieldWidth, ratio_vs_mpi(row));
  }
  std::printf("\n");
  std::fflush(stdout);
}

double ratio_vs_mpi(const Row& row) {
  return row.causeway.slowest_us > 0.0 ? row.mpi.slowest_us / row.causeway.slowest_us : 0.0;
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
  write_comment(
      "latency_us: mean over the ranks; min_us, max_us: fastest and slowest rank; all of "
      "the window whose max_us is the median");
  write_comment("ratio_vs_mpi: max_us of mpi divided by max_us of the line's library");
  file_ << "library,operation,ranks,bytes_per_peer,latency_us,min_us,max_us,ratio_vs_mpi,"
           "validated\n";
}

void CsvFile::write_comment(std::string_view text) { file_ << "# " << text << '\n'; }

void CsvFile::write_row(const Columns& columns, const Row& row, std::string_view operation,
                        int ranks) {
  const auto write = [&](std::string_view library, const RankSpread& time, double ratio,
                         bool passed) {
    file_ << std::fixed << std::setprecision(3) << library << ',' << operation << ',' << ranks
          << ',' << row.bytes << ',' << time.average_us << ',' << time.fastest_us << ','
          << time.slowest_us << ',';
    if (columns.versus_mpi) {
      file_ << ratio;
    }
    file_ << ',' << verdict(columns, passed) << '\n';
  };
  write("causeway", row.causeway, ratio_vs_mpi(row), row.causeway_passed);
  if (columns.versus_mpi) {
    write("mpi", row.mpi, 1.0, row.mpi_passed);
  }
}

bool CsvFile::flush() {
  file_.flush();
  return static_cast<bool>(file_);
}

}  // namespace causeway::osu
