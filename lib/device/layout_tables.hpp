// LayoutTables: layouts in a device's memory.
#pragma once

#include "device_backend.hpp"
#include "layout.hpp"

#include <map>
#include <vector>

namespace causeway {

/// What a communicator's launches read of layouts: a table of them, in which each has a place from
/// its first use on. One that nobody else holds, and no graph may read, goes when a new one comes.
class LayoutTables {
 public:
  /// The place of a layout, at least 1, or 0 for none.
  Status find(DeviceBackend& backend, const LayoutRef& layout, std::uint16_t* place);

  /// For graphs that outlive the tables: keeps what launches read.
  void leave_to_graphs(DeviceBackend& backend) const;

  /// The table.
  const device::Layout* data() const {
    return reinterpret_cast<const device::Layout*>(table_.get());
  }

 private:
  struct Entry {
    std::uint16_t place;
    Memory runs;  ///< null where the device reads the layout's own
  };

  /// In the last free place, which is free until the entry is kept.
  Status add(DeviceBackend& backend, const LayoutRef& layout, Entry* entry);
  void drop_unused(DeviceBackend& backend);

  Memory table_;
  std::map<LayoutRef, Entry> entries_;
  std::vector<std::uint16_t> free_;  ///< places
};

}  // namespace causeway
