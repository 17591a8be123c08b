/* STM32H743: USART3 on PD8 and PD9, plans in bank 2 of the flash. Register names are those of the reference manual
 * RM0433. The core runs from the internal oscillator, 64 MHz, as after reset; a product sets up the PLL here. */
#include "board.h"

#define RCC_AHB4ENR REGISTER(0x580244E0u)
#define RCC_APB1LENR REGISTER(0x580244E8u)
#define RCC_GPIOD (1u << 3)
#define RCC_USART3 (1u << 18)

#define GPIOD_MODER REGISTER(0x58020C00u)
#define GPIOD_AFRH REGISTER(0x58020C24u)
#define MODE_MASK (0xFu << 16)      /* pins 8 and 9 */
#define MODE_ALTERNATE (0xAu << 16) /* both */
#define FUNCTION_MASK 0xFFu
#define FUNCTION_USART3 0x77u

#define USART_CR1 REGISTER(0x40004800u)
#define USART_BRR REGISTER(0x4000480Cu)
#define USART_ISR REGISTER(0x4000481Cu)
#define USART_ICR REGISTER(0x40004820u)
#define USART_RDR REGISTER(0x40004824u)
#define USART_TDR REGISTER(0x40004828u)
#define CR1_FIFO_ENABLE (1u << 29)
#define CR1_TRANSMIT_RECEIVE_ENABLE 0xDu
#define ISR_OVERRUN (1u << 3)
#define ISR_RECEIVED (1u << 5)
#define ISR_ROOM (1u << 7)

#define FLASH_KEYR2 REGISTER(0x52002104u)
#define FLASH_CR2 REGISTER(0x5200210Cu)
#define FLASH_SR2 REGISTER(0x52002110u)
#define FLASH_CCR2 REGISTER(0x52002114u)
#define KEY_1 0x45670123u
#define KEY_2 0xCDEF89ABu
#define CR_LOCK 1u
#define CR_PROGRAM 2u
#define CR_ERASE_SECTOR 4u
#define CR_WORD_PARALLELISM (2u << 4)
#define CR_START (1u << 7)
#define CR_SECTOR 8u             /* first bit of the field */
#define SR_BUSY 7u               /* busy, waiting for data, queued */
#define SR_ERRORS (0x2EEu << 16) /* write protection, sequence, strobe, inconsistency, operation, read protection */

#define BANK_2 0x08100000u
#define SECTOR_BYTES 0x20000u
#define WORD_BYTES 32u

void board_start(void) {
    RCC_AHB4ENR |= RCC_GPIOD;
    RCC_APB1LENR |= RCC_USART3;
    (void)RCC_APB1LENR; /* the clock is there two cycles later */
    GPIOD_AFRH = (GPIOD_AFRH & ~FUNCTION_MASK) | FUNCTION_USART3;
    GPIOD_MODER = (GPIOD_MODER & ~MODE_MASK) | MODE_ALTERNATE;
    USART_BRR = CLOCK_HZ / BAUD;
    USART_CR1 = CR1_FIFO_ENABLE | CR1_TRANSMIT_RECEIVE_ENABLE;
}

void board_put(uint8_t byte) {
    while ((USART_ISR & ISR_ROOM) == 0) {
    }
    USART_TDR = byte;
}

int32_t board_get(void) {
    if ((USART_ISR & ISR_OVERRUN) != 0) {
        USART_ICR = ISR_OVERRUN; /* a byte is lost; the link repairs that */
    }
    return (USART_ISR & ISR_RECEIVED) != 0 ? (int32_t)(USART_RDR & 0xFFu) : -1;
}

static void unlock(void) {
    if ((FLASH_CR2 & CR_LOCK) != 0) {
        FLASH_KEYR2 = KEY_1;
        FLASH_KEYR2 = KEY_2;
    }
    FLASH_CCR2 = SR_ERRORS;
}

static plr_status_t finish(void) {
    while ((FLASH_SR2 & SR_BUSY) != 0) {
    }
    const uint32_t errors = FLASH_SR2 & SR_ERRORS;
    FLASH_CR2 = CR_LOCK;
    return errors == 0 ? PLR_OK : PLR_ERR_FLASH;
}

static plr_status_t erase(void *context, uint32_t offset_bytes) {
    (void)context;
    unlock();
    FLASH_CR2 = CR_ERASE_SECTOR | CR_WORD_PARALLELISM | offset_bytes / SECTOR_BYTES << CR_SECTOR;
    FLASH_CR2 |= CR_START;
    return finish();
}

static plr_status_t program(void *context, uint32_t offset_bytes, const uint8_t *bytes, uint32_t size_bytes) {
    (void)context;
    unlock();
    FLASH_CR2 = CR_PROGRAM | CR_WORD_PARALLELISM;
    for (uint32_t i = 0; i < size_bytes; i += sizeof(uint32_t)) {
        REGISTER(BANK_2 + offset_bytes + i) = plr_get_u32(bytes + i);
        while (i % WORD_BYTES == WORD_BYTES - sizeof(uint32_t) && (FLASH_SR2 & SR_BUSY) != 0) {
        }
    }
    return finish();
}

const plr_flash_t board_flash = {.memory = (const uint8_t *)BANK_2,
                                 .size_bytes = 8 * SECTOR_BYTES,
                                 .page_bytes = SECTOR_BYTES,
                                 .word_bytes = WORD_BYTES,
                                 .erase = erase,
                                 .program = program};
