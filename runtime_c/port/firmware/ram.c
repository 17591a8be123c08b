#include "ram.h"

/* Deeper than ram_prepare() itself is when it paints below its own frame. */
#define FRAME_MARGIN_BYTES 128u
#define PAINTED_ABOVE_CAP_BYTES 65536u

/* Laid out by firmware.ld. The addresses of the last two are numbers of bytes. */
extern uint32_t firmware_ram_start[], firmware_stack_top[], firmware_ram_end[];
extern uint32_t firmware_data_start[], firmware_data_end[], firmware_bss_start[], firmware_bss_end[];
extern const uint32_t firmware_data_image[];
extern const uint8_t firmware_static_bytes[], firmware_code_bytes[];

static struct {
    uint32_t paint;
    uint32_t *cap; /* first whole word above the RAM cap */
    uint32_t *painted_end;
} ram;

static void copy_words(uint32_t *target, const uint32_t *end, const uint32_t *source) {
    while (target < end) {
        *target++ = *source++;
    }
}

static inline void fill_words(volatile uint32_t *target, const volatile uint32_t *end, uint32_t word) {
    while (target < end) {
        *target++ = word;
    }
}

void ram_start(void) {
    copy_words(firmware_data_start, firmware_data_end, firmware_data_image);
    fill_words(firmware_bss_start, firmware_bss_end, 0);
}

uint32_t ram_size_bytes(void) {
    return (uint32_t)((const uint8_t *)firmware_ram_end - (const uint8_t *)firmware_ram_start);
}

plr_footprint_t ram_footprint(void) {
    return (plr_footprint_t){
        .static_bytes = (uint32_t)(uintptr_t)firmware_static_bytes - PLR_LINK_BUFFER_BYTES,
        .link_buffer_bytes = PLR_LINK_BUFFER_BYTES,
        .stack_reserve_bytes = (uint32_t)((const uint8_t *)firmware_stack_top - (const uint8_t *)firmware_ram_start),
        .code_bytes = (uint32_t)(uintptr_t)firmware_code_bytes,
    };
}

/* Paint the free stack and what lies above the cap. Inlined: it must not paint its own frame. */
static inline __attribute__((always_inline)) void paint(const plr_config_t *config) {
    ram.paint = config->paint;
    ram.cap = firmware_ram_start + (config->ram_cap_bytes + sizeof(uint32_t) - 1) / sizeof(uint32_t);
    ram.painted_end = ram.cap + PAINTED_ABOVE_CAP_BYTES / sizeof(uint32_t);
    if (ram.painted_end > firmware_ram_end) {
        ram.painted_end = firmware_ram_end;
    }
    fill_words(ram.cap, ram.painted_end, config->paint);
    fill_words(firmware_ram_start, (uint32_t *)__builtin_frame_address(0) - FRAME_MARGIN_BYTES / sizeof(uint32_t),
               config->paint);
}

plr_status_t ram_prepare(void *context, const plr_config_t *config, uint8_t **arena, size_t *arena_bytes) {
    const uint32_t used_bytes = (uint32_t)((const uint8_t *)firmware_bss_end - (const uint8_t *)firmware_ram_start);
    (void)context;
    if (config->ram_cap_bytes < used_bytes || config->ram_cap_bytes > ram_size_bytes()) {
        return PLR_ERR_CONFIG;
    }
    paint(config);
    *arena = (uint8_t *)firmware_bss_end;
    *arena_bytes = config->ram_cap_bytes - used_bytes;
    return PLR_OK;
}

uint32_t ram_stack_peak_bytes(void *context) {
    (void)context;
    const uint32_t *word = firmware_ram_start;
    while (word < firmware_stack_top && *word == ram.paint) {
        word++;
    }
    return (uint32_t)((const uint8_t *)firmware_stack_top - (const uint8_t *)word);
}

uint32_t ram_above_cap_bytes(void *context) {
    (void)context;
    uint32_t bytes = 0;
    for (const uint32_t *word = ram.cap; word < ram.painted_end; word++) {
        bytes += *word == ram.paint ? 0u : (uint32_t)sizeof *word;
    }
    return bytes;
}
