// LayoutTables: layouts in a device's memory.
#pragma once

#include "device_backend.hpp"
#include "layout.hpp"

#include <map>

namespace causeway {

/// What a communicator's launches read of layouts. A table is made when a layout is first used, and
/// kept as long as anybody else holds the layout, or a graph may read it.
class LayoutTables {
 public:
  /// The layout as a launch takes it, which it may until the next call. Null gives elements that
  /// lie side by side.
  Status find(DeviceBackend& backend, const LayoutRef& layout, device::Layout* found);

 private:
  void drop_unused(DeviceBackend& backend);

  std::map<LayoutRef, Memory> tables_;
};

}  // namespace causeway
