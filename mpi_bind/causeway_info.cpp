// causeway-info: what causeway finds and chooses here, `[mpirun ...] causeway-info [--json]`.
//
// Rank 0 prints ranks, hosts and GPUs, the link of each pair and why, UCX and every setting.
#include "mpi_bootstrap.hpp"

#include <causeway/config.h>
#include <communicator.hpp>
#include <config.hpp>
#include <network.hpp>
#include <tuning_rules.hpp>

#include <mpi.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

using namespace causeway;

namespace {

/// Lines or JSON, of values under names and of lists.
class Printer {
 public:
  explicit Printer(bool json) : json_(json) {}

  void begin(const std::string& name, char bracket = '{') {
    item(name);
    if (json_) {
      text_ += bracket;
    } else if (!name.empty()) {
      text_ += name + ":";
    } else if (!open_.empty()) {
      text_ += "-";
    }
    open_.push_back(bracket);
    first_ = true;
  }
  void end() {
    const char bracket = open_.back();
    open_.pop_back();
    if (json_) {
      if (!first_) line();
      text_ += bracket == '{' ? '}' : ']';
    }
    first_ = false;
  }
  void value(const std::string& name, const std::string& what) {
    item(name);
    if (json_) {
      text_ += quoted(what);
    } else {
      text_ += (name.empty() ? "- " : name + ": ") + what;
    }
  }
  void value(const std::string& name, std::uint64_t what) {
    item(name);
    text_ += (json_ ? "" : name + ": ") + std::to_string(what);
  }
  void print() const { std::printf("%s\n", text_.c_str()); }

 private:
  void line() {
    if (!text_.empty()) text_ += '\n';
    text_.append(2 * (open_.size() - (json_ || open_.empty() ? 0 : 1)), ' ');
  }
  void item(const std::string& name) {
    if (json_ && !first_) text_ += ',';
    if (json_ || !open_.empty()) line();
    if (json_ && !name.empty()) text_ += quoted(name) + ": ";
    first_ = false;
  }
  static std::string quoted(const std::string& what) {
    std::string result = "\"";
    for (const char c : what) {
      if (c == '"' || c == '\\') result += '\\';
      if (static_cast<unsigned char>(c) < 0x20) {
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
        result += escape;
      } else {
        result += c;
      }
    }
    return result + '"';
  }

  const bool json_;
  std::string text_;
  std::string open_;
  bool first_ = true;
};

/// Every rank's text on rank 0.
std::vector<std::string> gather(const std::string& mine) {
  int ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const auto size = static_cast<std::size_t>(ranks);
  const int bytes = static_cast<int>(mine.size());
  std::vector<int> counts(size);
  std::vector<int> displacements(size);
  MPI_Gather(&bytes, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, MPI_COMM_WORLD);
  int total = 0;
  for (std::size_t i = 0; i < size; ++i) {
    displacements[i] = total;
    total += counts[i];
  }
  std::string all(static_cast<std::size_t>(total), ' ');
  MPI_Gatherv(mine.data(), bytes, MPI_CHAR, all.data(), counts.data(), displacements.data(),
              MPI_CHAR, 0, MPI_COMM_WORLD);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < size; ++i) {
    texts.push_back(all.substr(static_cast<std::size_t>(displacements[i]),
                               static_cast<std::size_t>(counts[i])));
  }
  return texts;
}

/// One line for each field; they hold no line ends.
std::string packed(const RankFacts& facts) {
  std::string text = facts.host + '\n' + std::to_string(facts.process) + '\n' + facts.device +
                     '\n' + facts.gpu + '\n' + std::to_string(facts.lanes) + '\n' +
                     std::to_string(facts.ring_bytes) + '\n' + std::to_string(facts.blocks) + '\n';
  for (const LinkFacts& link : facts.links) text += link.kind + '\n' + link.why + '\n';
  return text;
}

void print_rank(Printer& printer, std::uint64_t rank, const std::string& text) {
  std::size_t at = 0;
  const auto next = [&] {
    const std::size_t end = text.find('\n', at);
    return text.substr(std::exchange(at, end + 1), end - at);
  };
  printer.begin("");
  printer.value("rank", rank);
  for (const char* const name : {"host", "process", "device", "gpu"}) printer.value(name, next());
  for (const char* const name : {"lanes", "ring_bytes", "thread_blocks"}) {
    printer.value(name, std::stoull(next()));
  }
  printer.begin("links", '[');
  for (std::uint64_t peer = 0; at < text.size(); ++peer) {
    printer.begin("");
    printer.value("peer", peer);
    printer.value("link", next());
    printer.value("why", next());
    printer.end();
  }
  printer.end();
  printer.end();
}

void print_all(Printer& printer, const std::vector<std::string>& ranks) {
  printer.begin("");
  printer.value("causeway", CAUSEWAY_VERSION_STRING);
  char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(version, &length);
  const std::string mpi = version;
  printer.value("mpi", mpi.substr(0, mpi.find_first_of(",\n")));
  printer.begin("operations", '[');
  for (const Operation operation :
       {Operation::kAlltoallv, Operation::kNeighbor, Operation::kSendrecv}) {
    printer.value("", name_of(operation));
  }
  printer.end();
  printer.begin("ranks", '[');
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) print_rank(printer, rank, ranks[rank]);
  printer.end();
  const NetworkFacts network = Network::facts();
  printer.begin("ucx");
  printer.value("version", network.version.empty() ? "not in this build" : network.version);
  if (!network.problem.empty()) printer.value("problem", network.problem);
  printer.begin("transports", '[');
  for (const std::string& transport : network.transports) printer.value("", transport);
  printer.end();
  printer.begin("memory_types", '[');
  for (const std::string& type : network.memory_types) printer.value("", type);
  printer.end();
  printer.end();
  printer.begin("settings", '[');
  for (const Setting& setting : settings()) {
    const std::optional<std::string> given = environment(setting.name);
    printer.begin("");
    printer.value("name", setting.name);
    printer.value("value", given.value_or(setting.default_value));
    printer.value("from", given ? "environment" : "default");
    printer.value("default", setting.default_value);
    printer.value("help", setting.help);
    printer.end();
  }
  printer.end();
  printer.end();
}

Status inform(bool json) {
  Config config;
  const Lookup nowhere = [](const std::string&) { return std::nullopt; };
  const Status readable = load_config(nowhere, environment, &config);
  const mpi::OwnedBootstrap bootstrap(new mpi::MpiBootstrap);
  CAUSEWAY_TRY(bootstrap->join(MPI_COMM_WORLD, config.timeout_seconds));
  std::unique_ptr<Communicator> communicator;
  CAUSEWAY_TRY(Communicator::create(*bootstrap, config, readable, &communicator));
  const std::vector<std::string> ranks = gather(packed(communicator->facts()));
  if (communicator->rank() != 0) return {};
  Printer printer(json);
  print_all(printer, ranks);
  printer.print();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const bool json = argc == 2 && std::strcmp(argv[1], "--json") == 0;
  int status = 0;
  if (argc > 1 && !json) {
    if (rank == 0) std::fprintf(stderr, "usage: [mpirun ...] causeway-info [--json]\n");
    status = 2;
  } else {
    const Status informed = inform(json);
    if (!informed.ok()) {
      if (rank == 0) std::fprintf(stderr, "causeway-info: %s\n", informed.message().c_str());
      status = 1;
    }
  }
  MPI_Finalize();
  return status;
}
