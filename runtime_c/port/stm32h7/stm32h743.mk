# STM32H743 on a Nucleo-144 board, whose debugger offers USART3 as a serial port. Bank 1 holds the image, bank 2 plans.
VARIANTS = dsp
CPU = -mthumb -mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard
CORE = Cortex-M7
CLOCK_HZ = 64000000
FLASH_SIZE_BYTES = 0x200000
MAP = CODE_ORIGIN=0x08000000 CODE_BYTES=0x100000 RAM_ORIGIN=0x24000000 RAM_BYTES=0x80000 FLASH_ORIGIN=0x08100000 FLASH_BYTES=0x100000
SOURCES = port/stm32h7/board.c
include port/bare_metal/Makefile.inc
