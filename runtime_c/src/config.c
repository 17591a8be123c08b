#include "crc32.h"
#include "plr/plr.h"

plr_status_t plr_config_load(const uint8_t *bytes, size_t capacity_bytes, plr_config_t *config) {
    if (bytes == NULL || config == NULL || capacity_bytes < PLR_CONFIG_BYTES) {
        return PLR_ERR_CONFIG;
    }
    *config = plr_config_read(bytes);
    if (config->magic != PLR_CONFIG_MAGIC || config->size != PLR_CONFIG_BYTES || config->ns_numerator == 0 ||
        config->ns_denominator == 0 || config->crc32 != plr_crc32(0, bytes, PLR_CONFIG_CRC32_OFFSET)) {
        return PLR_ERR_CONFIG;
    }
    return PLR_OK;
}
