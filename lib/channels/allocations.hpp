// Allocations: memory that the library has made for its users, which any communicator can share.
#pragma once

#include "memory.hpp"

namespace causeway {

/// Keeps memory for a user, who knows it by its address. Any thread may call these.
void keep_allocation(const Allocation& allocation);

/// The kept allocation that holds an address; one without memory where none does.
Allocation find_allocation(const void* address);

/// Lets go of the allocation that begins at `base`; false when there is none. Whoever else holds
/// its memory keeps it.
bool release_allocation(const void* base);

}  // namespace causeway
