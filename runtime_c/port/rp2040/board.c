/* RP2040: UART0 on GPIO 0 and 1, plans in the flash from 256 KiB on. Register names are those of the data sheet. The
 * core runs from the crystal, 12 MHz; a product sets up the PLL here. */
#include <stddef.h>

#include "board.h"

#define RESETS_RESET_CLEAR REGISTER(0x4000F000u) /* writes to this alias clear bits */
#define RESETS_RESET_DONE REGISTER(0x4000C008u)
#define RESETS_NEEDED (1u << 5 | 1u << 8 | 1u << 22) /* IO_BANK0, PADS_BANK0, UART0 */

#define XOSC_CTRL REGISTER(0x40024000u)
#define XOSC_STATUS REGISTER(0x40024004u)
#define XOSC_STARTUP REGISTER(0x4002400Cu)
#define XOSC_ENABLE_12_MHZ 0xFABAA0u
#define XOSC_STARTUP_1_MS 47u
#define XOSC_STABLE (1u << 31)

#define CLK_REF_CTRL REGISTER(0x40008030u)
#define CLK_REF_SELECTED REGISTER(0x40008038u)
#define CLK_PERI_CTRL REGISTER(0x40008048u)
#define CLK_REF_XOSC 2u
#define CLK_PERI_ENABLE_XOSC (1u << 11 | 4u << 5)

#define GPIO0_CTRL REGISTER(0x40014004u)
#define GPIO1_CTRL REGISTER(0x4001400Cu)
#define FUNCTION_UART 2u

#define UART_DR REGISTER(0x40034000u)
#define UART_FR REGISTER(0x40034018u)
#define UART_IBRD REGISTER(0x40034024u)
#define UART_FBRD REGISTER(0x40034028u)
#define UART_LCR_H REGISTER(0x4003402Cu)
#define UART_CR REGISTER(0x40034030u)
#define FR_EMPTY (1u << 4)
#define FR_FULL (1u << 5)
#define LCR_8_BITS_FIFO (3u << 5 | 1u << 4)
#define CR_ENABLE (1u << 9 | 1u << 8 | 1u)

#define XIP_BASE 0x10000000u
#define STORE_OFFSET 0x40000u
#define STORE_BYTES 0x1C0000u
#define PAGE_BYTES 4096u
#define WORD_BYTES 256u
#define BLOCK_BYTES 65536u
#define BLOCK_ERASE_COMMAND 0xD8u

/* The boot ROM tells of its functions by two letters each. */
#define ROM_FUNCTIONS ((const uint16_t *)(uintptr_t) * (const uint16_t *)0x14)
#define ROM_LOOKUP ((rom_lookup_t)(uintptr_t) * (const uint16_t *)0x18)
#define ROM_CODE(first, second) ((uint32_t)(first) | (uint32_t)(second) << 8)

typedef void *(*rom_lookup_t)(const uint16_t *table, uint32_t code);

typedef struct rom {
    void (*connect_internal_flash)(void);
    void (*flash_exit_xip)(void);
    void (*flash_range_erase)(uint32_t offset, size_t count, uint32_t block_size, uint8_t block_command);
    void (*flash_range_program)(uint32_t offset, const uint8_t *data, size_t count);
    void (*flash_flush_cache)(void);
    void (*flash_enter_cmd_xip)(void);
} rom_t;

void board_start(void) {
    RESETS_RESET_CLEAR = RESETS_NEEDED;
    while ((RESETS_RESET_DONE & RESETS_NEEDED) != RESETS_NEEDED) {
    }
    XOSC_STARTUP = XOSC_STARTUP_1_MS;
    XOSC_CTRL = XOSC_ENABLE_12_MHZ;
    while ((XOSC_STATUS & XOSC_STABLE) == 0) {
    }
    CLK_REF_CTRL = CLK_REF_XOSC; /* the core follows it, as after reset */
    while ((CLK_REF_SELECTED & 1u << CLK_REF_XOSC) == 0) {
    }
    CLK_PERI_CTRL = CLK_PERI_ENABLE_XOSC;
    GPIO0_CTRL = FUNCTION_UART;
    GPIO1_CTRL = FUNCTION_UART;
    const uint32_t divisor_64ths = CLOCK_HZ * 4u / BAUD;
    UART_IBRD = divisor_64ths / 64;
    UART_FBRD = divisor_64ths % 64;
    UART_LCR_H = LCR_8_BITS_FIFO;
    UART_CR = CR_ENABLE;
}

void board_put(uint8_t byte) {
    while ((UART_FR & FR_FULL) != 0) {
    }
    UART_DR = byte;
}

int32_t board_get(void) {
    return (UART_FR & FR_EMPTY) == 0 ? (int32_t)(UART_DR & 0xFFu) : -1;
}

static rom_t rom(void) {
    const rom_lookup_t lookup = ROM_LOOKUP;
    const uint16_t *table = ROM_FUNCTIONS;
    rom_t functions;
    *(void **)&functions.connect_internal_flash = lookup(table, ROM_CODE('I', 'F'));
    *(void **)&functions.flash_exit_xip = lookup(table, ROM_CODE('E', 'X'));
    *(void **)&functions.flash_range_erase = lookup(table, ROM_CODE('R', 'E'));
    *(void **)&functions.flash_range_program = lookup(table, ROM_CODE('R', 'P'));
    *(void **)&functions.flash_flush_cache = lookup(table, ROM_CODE('F', 'C'));
    *(void **)&functions.flash_enter_cmd_xip = lookup(table, ROM_CODE('C', 'X'));
    return functions;
}

/* Erase a page, or program if `bytes` are given. In RAM, with interrupts off: meanwhile no code can be read from flash.
 */
__attribute__((noinline, section(".data.change"))) static void change(const rom_t *functions, uint32_t offset,
                                                                      const uint8_t *bytes, uint32_t size_bytes) {
    __asm__ volatile("cpsid i" ::: "memory");
    functions->connect_internal_flash();
    functions->flash_exit_xip();
    if (bytes == NULL) {
        functions->flash_range_erase(offset, size_bytes, BLOCK_BYTES, BLOCK_ERASE_COMMAND);
    } else {
        functions->flash_range_program(offset, bytes, size_bytes);
    }
    functions->flash_flush_cache();
    functions->flash_enter_cmd_xip();
    __asm__ volatile("cpsie i" ::: "memory");
}

static plr_status_t erase(void *context, uint32_t offset_bytes) {
    const rom_t functions = rom();
    (void)context;
    change(&functions, STORE_OFFSET + offset_bytes, NULL, PAGE_BYTES);
    return PLR_OK;
}

/* The chip reports no failure: the store reads back what it has written. */
static plr_status_t program(void *context, uint32_t offset_bytes, const uint8_t *bytes, uint32_t size_bytes) {
    const rom_t functions = rom();
    (void)context;
    change(&functions, STORE_OFFSET + offset_bytes, bytes, size_bytes);
    return PLR_OK;
}

const plr_flash_t board_flash = {.memory = (const uint8_t *)(XIP_BASE + STORE_OFFSET),
                                 .size_bytes = STORE_BYTES,
                                 .page_bytes = PAGE_BYTES,
                                 .word_bytes = WORD_BYTES,
                                 .erase = erase,
                                 .program = program};
