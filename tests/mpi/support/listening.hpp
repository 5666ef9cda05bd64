// Where this process listens.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace causeway::test {

/// The addresses that this process listens on over TCP, by IPv4 as in 192.0.2.1 and by IPv6 as
/// /proc prints them; each as often as there are sockets.
inline std::multiset<std::string> listened_on() {
  std::set<std::string> sockets;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    sockets.insert(std::filesystem::read_symlink(entry.path(), ignored).string());
  }
  std::multiset<std::string> found;
  for (const char* const path : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::ifstream table(path);
    std::string line;
    std::getline(table, line);
    while (std::getline(table, line)) {
      std::istringstream fields(line);
      std::vector<std::string> field;
      for (std::string one; fields >> one;) field.push_back(one);
      const bool listens = field.size() > 9 && field[3] == "0A";
      if (!listens || sockets.count("socket:[" + field[9] + "]") == 0) continue;
      std::string address = field[1].substr(0, field[1].find(':'));
      if (address.size() == 8) {
        // A word of the host's byte order.
        const in_addr four{static_cast<in_addr_t>(std::stoul(address, nullptr, 16))};
        address = inet_ntoa(four);
      }
      found.insert(address);
    }
  }
  return found;
}

}  // namespace causeway::test
