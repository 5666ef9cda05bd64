// LayoutTables: layouts in a device's memory.
#include "layout_tables.hpp"

#include <algorithm>

namespace causeway {

Status LayoutTables::find(DeviceBackend& backend, const LayoutRef& layout, device::Layout* found) {
  *found = {};
  if (layout == nullptr) return {};
  if (backend.kind() == DeviceKind::kHost) {
    *found = layout->on_device(layout->runs().data());
    return {};
  }
  auto table = tables_.find(layout);
  if (table == tables_.end()) {
    drop_unused(backend);
    Memory memory;
    const std::size_t bytes = layout->runs().size() * sizeof(device::LayoutRun);
    CAUSEWAY_TRY(backend.allocate(bytes, &memory));
    CAUSEWAY_TRY(backend.copy(memory.get(), layout->runs().data(), bytes));
    table = tables_.emplace(layout, std::move(memory)).first;
  }
  *found = layout->on_device(reinterpret_cast<const device::LayoutRun*>(table->second.get()));
  return {};
}

void LayoutTables::drop_unused(DeviceBackend& backend) {
  if (backend.captured()) return;
  const auto is_unused = [](const auto& table) { return table.first.use_count() == 1; };
  if (std::ranges::none_of(tables_, is_unused)) return;
  backend.order_frees();
  std::erase_if(tables_, is_unused);
}

}  // namespace causeway
