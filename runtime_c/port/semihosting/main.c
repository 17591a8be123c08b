/* The firmware of every emulated board: read the configuration, which says by what to talk, and serve the host. */
#include "emulated_flash.h"
#include "file.h"
#include "machine.h"
#include "pipes.h"
#include "plr/board.h"
#include "semihost.h"

/* Longest wait for a node over a lossy link, by the board's own clock. */
#define PATIENCE_US 120000000u
/* Deeper than firmware_start() itself is when it paints below its own frame. */
#define FRAME_MARGIN_BYTES 128u
#define PAINTED_ABOVE_CAP_BYTES 65536u

#define FLASH_FILE "flash"
#define FLASH_PAGE_BYTES 4096u
#define FLASH_WORD_BYTES 8u

enum { EXIT_OK, EXIT_RUNTIME, EXIT_CONFIG, EXIT_RAM_CAP, EXIT_FAULT, EXIT_FLASH };

/* Laid out by firmware.ld. The addresses of the last two are numbers of bytes. */
extern uint32_t firmware_ram_start[], firmware_stack_top[], firmware_ram_end[];
extern uint32_t firmware_data_start[], firmware_data_end[], firmware_bss_start[], firmware_bss_end[];
extern const uint32_t firmware_data_image[];
extern uint8_t firmware_plan[];
extern const uint8_t firmware_config[], firmware_plan_end[];
extern const uint8_t firmware_static_bytes[], firmware_code_bytes[];

#define RAM_SIZE_BYTES ((uint32_t)((const uint8_t *)firmware_ram_end - (const uint8_t *)firmware_ram_start))

typedef struct firmware {
    union {
        pipes_t pipes;
        plr_arq_t arq;
    } link; /* first: the context of the whole HAL */
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

static void stop(int status, const char *reason) __attribute__((noreturn));

static void stop(int status, const char *reason) {
    semihost_print(reason);
    semihost_print("\n");
    semihost_exit(status);
}

/* Paint the free stack and what lies above the cap. Inlined: it must not paint its own frame. */
static inline __attribute__((always_inline)) void paint(const plr_config_t *config) {
    firmware.config = *config;
    firmware.cap = firmware_ram_start + (config->ram_cap_bytes + sizeof(uint32_t) - 1) / sizeof(uint32_t);
    firmware.painted_end = firmware.cap + PAINTED_ABOVE_CAP_BYTES / sizeof(uint32_t);
    if (firmware.painted_end > firmware_ram_end) {
        firmware.painted_end = firmware_ram_end;
    }
    fill_words(firmware.cap, firmware.painted_end, config->paint);
    fill_words(firmware_ram_start, (uint32_t *)__builtin_frame_address(0) - FRAME_MARGIN_BYTES / sizeof(uint32_t),
               config->paint);
}

/* plr_board_hal_t.prepare: the arena is all RAM between static data and the cap. */
static plr_status_t prepare(void *context, const plr_config_t *config, uint8_t **arena, size_t *arena_bytes) {
    const uint32_t used_bytes = (uint32_t)((const uint8_t *)firmware_bss_end - (const uint8_t *)firmware_ram_start);
    (void)context;
    if (config->ram_cap_bytes < used_bytes || config->ram_cap_bytes > RAM_SIZE_BYTES) {
        return PLR_ERR_CONFIG;
    }
    paint(config);
    *arena = (uint8_t *)firmware_bss_end;
    *arena_bytes = config->ram_cap_bytes - used_bytes;
    return PLR_OK;
}

static plr_footprint_t footprint(void) {
    return (plr_footprint_t){
        .static_bytes = (uint32_t)(uintptr_t)firmware_static_bytes - PLR_LINK_BUFFER_BYTES,
        .link_buffer_bytes = PLR_LINK_BUFFER_BYTES,
        .stack_reserve_bytes = (uint32_t)((const uint8_t *)firmware_stack_top - (const uint8_t *)firmware_ram_start),
        .code_bytes = (uint32_t)(uintptr_t)firmware_code_bytes,
    };
}

/* Over pipes the plan is there at boot, and the board runs it and ends. */
static void serve_pipes(void) __attribute__((noreturn));

static void serve_pipes(void) {
    static const plr_hal_t hal = {.context = &firmware,
                                  .send = pipes_send,
                                  .receive = pipes_receive,
                                  .work = work,
                                  .stack_peak_bytes = stack_peak_bytes,
                                  .above_cap_bytes = above_cap_bytes};
    uint8_t *arena;
    size_t arena_bytes;
    if (prepare(NULL, &firmware.config, &arena, &arena_bytes) != PLR_OK) {
        stop(EXIT_RAM_CAP, "the RAM cap is below the firmware's own RAM or above the machine's");
    }
    pipes_init(&firmware.link.pipes, firmware.config.node);
    const plr_footprint_t own = footprint();
    plr_status_t status = plr_init(&firmware.runtime, &hal, &firmware.config, &own, arena, arena_bytes);
    if (status == PLR_OK) {
        status = plr_serve(&firmware.runtime, firmware_plan, (size_t)(firmware_plan_end - firmware_plan));
    }
    if (status != PLR_OK) {
        stop(EXIT_RUNTIME, plr_status_name(status));
    }
    semihost_exit(EXIT_OK);
}

static void serial_begin(void *context, size_t size_bytes) {
    (void)context;
    (void)size_bytes;
}

static void serial_put(void *context, const uint8_t *bytes, size_t size_bytes) {
    (void)context;
    for (size_t i = 0; i < size_bytes; i++) {
        uart_put(bytes[i]);
    }
}

static int32_t serial_get(void *context) {
    (void)context;
    return uart_get();
}

/* The emulator's virtual time, in which every instruction takes 2^ICOUNT_SHIFT ns. */
static uint64_t now_us(void *context) {
    (void)context;
    return (machine_instructions() << ICOUNT_SHIFT) / 1000;
}

/* Keep in the file what the flash holds, for the emulator to find after a power cycle. */
static bool keep(emulated_flash_t *self, uint32_t offset_bytes, uint32_t size_bytes) {
    const int *file = self->context;
    return semihost_seek(*file, offset_bytes) && file_write(*file, self->memory + offset_bytes, size_bytes);
}

/* The flash lies in RAM of the emulator. It outlives the emulator in a file FLASH_FILE in its working directory, if
 * there is one. */
static void open_flash(emulated_flash_t *flash, int *file) {
    const uint32_t size_bytes = (uint32_t)(firmware_plan_end - firmware_plan);
    emulated_flash_init(flash, firmware_plan, size_bytes, FLASH_PAGE_BYTES, FLASH_WORD_BYTES);
    *file = file_open(FLASH_FILE);
    if (*file < 0) {
        return;
    }
    if (!file_read(*file, firmware_plan, size_bytes)) {
        stop(EXIT_FLASH, "the file of the flash is too short");
    }
    flash->context = file;
    flash->changed = keep;
}

/* Over any other transport the board waits for commands, until it is told to start again. */
static void serve_commands(const plr_transport_t *transport) __attribute__((noreturn));

static void serve_commands(const plr_transport_t *transport) {
    emulated_flash_t flash;
    int flash_file;
    plr_plan_store_t store;
    open_flash(&flash, &flash_file);
    if (plr_plan_store_open(&store, &flash.flash) != PLR_OK) {
        stop(EXIT_FLASH, "the flash is no plan store");
    }
    plr_arq_init(&firmware.link.arq, transport, PATIENCE_US);
    const plr_board_hal_t board = {
        .hal = {.context = &firmware,
                .send = plr_arq_send,
                .receive = plr_arq_receive,
                .work = work,
                .stack_peak_bytes = stack_peak_bytes,
                .above_cap_bytes = above_cap_bytes},
        .arq = &firmware.link.arq,
        .store = &store,
        .prepare = prepare,
        .footprint = footprint(),
        .identity = {.clock_hz = CLOCK_HZ,
                     .ram_bytes = RAM_SIZE_BYTES,
                     .flash_bytes = (uint32_t)(firmware_plan_end - firmware_config)},
        .text = BOARD_NAME "\n" CORE "\n",
    };
    plr_board_serve(&firmware.runtime, &board);
    machine_restart();
}

void firmware_start(void) {
    static const plr_transport_t serial = {
        .begin = serial_begin, .put = serial_put, .get = serial_get, .now_us = now_us};
    copy_words(firmware_data_start, firmware_data_end, firmware_data_image);
    fill_words(firmware_bss_start, firmware_bss_end, 0);
    if (plr_config_load(firmware_config, PLR_CONFIG_BYTES, &firmware.config) != PLR_OK) {
        stop(EXIT_CONFIG, "there is no valid board configuration");
    }
    machine_start_clock();
    switch (firmware.config.transport) {
    case PLR_TRANSPORT_PIPES:
        serve_pipes();
    case PLR_TRANSPORT_SERIAL:
        uart_start();
        serve_commands(&serial);
    default:
        stop(EXIT_CONFIG, "the board configuration asks for a transport that this board lacks");
    }
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
