// A libucp that has no memory for messages that come: before the real one, on which it stands.
#include <ucp/api/ucp.h>

#include <cstddef>
#include <cstdint>

extern "C" [[gnu::visibility("default")]] ucs_status_ptr_t ucp_tag_msg_recv_nbx(
    ucp_worker_h, void*, std::size_t, ucp_tag_message_h, const ucp_request_param_t*) {
  return reinterpret_cast<ucs_status_ptr_t>(static_cast<std::intptr_t>(UCS_ERR_NO_MEMORY));
}
