/* The firmware of every emulated board: read the configuration, paint the RAM, serve the host. */
#include "machine.h"
#include "pipes.h"
#include "plr/plr.h"
#include "semihost.h"

/* Deeper than firmware_start() itself is when it paints below its own frame. */
#define FRAME_MARGIN_BYTES 128u
#define PAINTED_ABOVE_CAP_BYTES 65536u

enum { EXIT_OK, EXIT_RUNTIME, EXIT_CONFIG, EXIT_RAM_CAP, EXIT_FAULT };

/* Laid out by firmware.ld. The addresses of the last two are numbers of bytes. */
extern uint32_t firmware_ram_start[], firmware_stack_top[], firmware_ram_end[];
extern uint32_t firmware_data_start[], firmware_data_end[], firmware_bss_start[], firmware_bss_end[];
extern const uint32_t firmware_data_image[];
extern const uint8_t firmware_config[], firmware_plan[], firmware_plan_end[];
extern const uint8_t firmware_static_bytes[], firmware_code_bytes[];

typedef struct firmware {
    pipes_t pipes; /* first: the context of the whole HAL */
    plr_config_t config;
    uint32_t *cap; /* first whole word above the RAM cap */
    uint32_t *painted_end;
    plr_t runtime;
} firmware_t;

static firmware_t firmware;

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

static uint64_t work(void *context) {
    (void)context;
    return machine_instructions();
}

static uint32_t stack_peak_bytes(void *context) {
    const firmware_t *self = context;
    const uint32_t *word = firmware_ram_start;
    while (word < firmware_stack_top && *word == self->config.paint) {
        word++;
    }
    return (uint32_t)((const uint8_t *)firmware_stack_top - (const uint8_t *)word);
}

static uint32_t above_cap_bytes(void *context) {
    const firmware_t *self = context;
    uint32_t bytes = 0;
    for (const uint32_t *word = self->cap; word < self->painted_end; word++) {
        bytes += *word == self->config.paint ? 0u : (uint32_t)sizeof *word;
    }
    return bytes;
}

static const plr_hal_t hal = {.context = &firmware,
                              .send = pipes_send,
                              .receive = pipes_receive,
                              .work = work,
                              .stack_peak_bytes = stack_peak_bytes,
                              .above_cap_bytes = above_cap_bytes};

static void stop(int status, const char *reason) __attribute__((noreturn));

static void stop(int status, const char *reason) {
    semihost_print(reason);
    semihost_print("\n");
    semihost_exit(status);
}

/* The arena is all RAM between static data and the cap. Stops iff the cap leaves none or lies beyond the RAM. */
static uint32_t arena_bytes(uint32_t ram_cap_bytes) {
    const uint32_t used_bytes = (uint32_t)((const uint8_t *)firmware_bss_end - (const uint8_t *)firmware_ram_start);
    const uint32_t ram_bytes = (uint32_t)((const uint8_t *)firmware_ram_end - (const uint8_t *)firmware_ram_start);
    if (ram_cap_bytes < used_bytes || ram_cap_bytes > ram_bytes) {
        stop(EXIT_RAM_CAP, "the RAM cap is below the firmware's own RAM or above the machine's");
    }
    return ram_cap_bytes - used_bytes;
}

void firmware_start(void) {
    copy_words(firmware_data_start, firmware_data_end, firmware_data_image);
    fill_words(firmware_bss_start, firmware_bss_end, 0);

    plr_config_t *config = &firmware.config;
    if (plr_config_load(firmware_config, PLR_CONFIG_BYTES, config) != PLR_OK) {
        stop(EXIT_CONFIG, "there is no valid board configuration");
    }
    const uint32_t arena_size_bytes = arena_bytes(config->ram_cap_bytes);
    firmware.cap = firmware_ram_start + (config->ram_cap_bytes + sizeof(uint32_t) - 1) / sizeof(uint32_t);
    firmware.painted_end = firmware.cap + PAINTED_ABOVE_CAP_BYTES / sizeof(uint32_t);
    if (firmware.painted_end > firmware_ram_end) {
        firmware.painted_end = firmware_ram_end;
    }
    fill_words(firmware.cap, firmware.painted_end, config->paint);
    fill_words(firmware_ram_start, (uint32_t *)__builtin_frame_address(0) - FRAME_MARGIN_BYTES / sizeof(uint32_t),
               config->paint);

    machine_start_clock();
    pipes_init(&firmware.pipes, config->node);
    const plr_footprint_t footprint = {
        .static_bytes = (uint32_t)(uintptr_t)firmware_static_bytes - PLR_LINK_BUFFER_BYTES,
        .link_buffer_bytes = PLR_LINK_BUFFER_BYTES,
        .stack_reserve_bytes = (uint32_t)((const uint8_t *)firmware_stack_top - (const uint8_t *)firmware_ram_start),
        .code_bytes = (uint32_t)(uintptr_t)firmware_code_bytes,
    };
    plr_status_t status =
        plr_init(&firmware.runtime, &hal, config, &footprint, (uint8_t *)firmware_bss_end, arena_size_bytes);
    if (status == PLR_OK) {
        status = plr_serve(&firmware.runtime, firmware_plan, (size_t)(firmware_plan_end - firmware_plan));
    }
    if (status != PLR_OK) {
        stop(EXIT_RUNTIME, plr_status_name(status));
    }
    semihost_exit(EXIT_OK);
}

static void print_hexadecimal(uint32_t number) {
    char text[] = " 0x00000000";
    for (char *digit = text + sizeof text - 2; number > 0; number >>= 4) {
        *digit-- = "0123456789abcdef"[number & 15];
    }
    semihost_print(text);
}

void firmware_fault(const char *cause, uint32_t status, uint32_t address) {
    semihost_print(cause);
    print_hexadecimal(status);
    print_hexadecimal(address);
    stop(EXIT_FAULT, " (status, address)");
}
