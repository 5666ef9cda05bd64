// The file that causeway-tune writes. Pure but for the file itself: no MPI, no device.
#include "rules_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace causeway::tune {

namespace {

Status cannot_write(const std::string& path, const char* why) {
  return Status::error(ErrorKind::kSystem, "'%s' cannot be written: %s", path.c_str(), why);
}

bool put(std::FILE* file, const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0 &&
         fsync(fileno(file)) == 0;
}

}  // namespace

Status check_output(const std::string& path) {
  struct stat there {};
  if (stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    return cannot_write(path, "it is there, and is no ordinary file");
  }
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (access(folder.c_str(), W_OK | X_OK) != 0) return cannot_write(path, std::strerror(errno));
  return {};
}

Status write_rules(const std::string& path, const Remarks& remarks,
                   std::span<const TuningRule> rules) {
  std::string text;
  for (const std::string& remark : remarks) text += "# " + remark + "\n";
  text += rules_text(rules);
  const std::string beside = path + "." + std::to_string(getpid());
  std::FILE* const file = std::fopen(beside.c_str(), "w");
  if (file == nullptr) return cannot_write(beside, std::strerror(errno));
  bool written = put(file, text);
  int problem = errno;
  written = std::fclose(file) == 0 && written;
  if (written && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  if (written) problem = errno;
  unlink(beside.c_str());
  return cannot_write(path, std::strerror(problem));
}

}  // namespace causeway::tune
