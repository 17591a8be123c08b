#include "plr/status.h"

const char *plr_status_name(plr_status_t status) {
    switch (status) {
    case PLR_OK:
        return "OK";
#define NAME(member)                                                                                                   \
    case PLR_ERR_##member:                                                                                             \
        return #member;
        PLR_ERR_LIST(NAME)
#undef NAME
    default:
        return "UNKNOWN";
    }
}
