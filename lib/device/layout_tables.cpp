// LayoutTables: layouts in a device's memory.
#include "layout_tables.hpp"

#include <algorithm>
#include <numeric>

namespace causeway {

namespace {

/// Datatypes that a communicator may use at the same time, and one more: place 0 is nobody's.
constexpr std::uint16_t kPlaces = 1024;

}  // namespace

Status LayoutTables::find(DeviceBackend& backend, const LayoutRef& layout, std::uint16_t* place) {
  *place = 0;
  if (layout == nullptr) return {};
  auto known = entries_.find(layout);
  if (known == entries_.end()) {
    if (table_ && free_.empty()) drop_unused(backend);
    Entry entry{};
    CAUSEWAY_TRY(add(backend, layout, &entry));
    known = entries_.emplace(layout, entry).first;
    free_.pop_back();
    // Programs may make a datatype for each exchange.
    drop_unused(backend);
  }
  *place = known->second.place;
  return {};
}

Status LayoutTables::add(DeviceBackend& backend, const LayoutRef& layout, Entry* entry) {
  if (!table_) {
    free_.resize(kPlaces - 1);
    CAUSEWAY_TRY(backend.allocate(kPlaces * sizeof(device::Layout), &table_));
    std::iota(free_.rbegin(), free_.rend(), 1U);
  }
  if (free_.empty()) {
    return Status::error(ErrorKind::kSystem, "more than %u derived datatypes are in use",
                         kPlaces - 1);
  }
  const auto& runs = layout->runs();
  const device::LayoutRun* seen = runs.data();
  if (backend.kind() != DeviceKind::kHost) {
    const std::size_t bytes = runs.size() * sizeof(device::LayoutRun);
    CAUSEWAY_TRY(backend.allocate(bytes, &entry->runs));
    CAUSEWAY_TRY(backend.copy(entry->runs.get(), runs.data(), bytes));
    seen = reinterpret_cast<const device::LayoutRun*>(entry->runs.get());
  }
  const device::Layout view = layout->on_device(seen);
  entry->place = free_.back();
  return backend.copy(table_.get() + entry->place * sizeof view, &view, sizeof view);
}

void LayoutTables::leave_to_graphs(DeviceBackend& backend) const {
  backend.keep_for_graphs(table_);
  for (const auto& [layout, entry] : entries_) backend.keep_for_graphs(entry.runs);
}

/// Frees the places of layouts that nobody else holds, once what was enqueued has read them.
void LayoutTables::drop_unused(DeviceBackend& backend) {
  const auto is_unused = [](const auto& entry) { return entry.first.use_count() == 1; };
  if (backend.captured() || std::ranges::none_of(entries_, is_unused)) return;
  backend.order_frees();
  std::erase_if(entries_, [&](const auto& entry) {
    if (!is_unused(entry)) return false;
    free_.push_back(entry.second.place);
    return true;
  });
}

}  // namespace causeway
