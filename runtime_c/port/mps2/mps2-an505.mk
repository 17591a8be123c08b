# Cortex-M33 in the secure state
VARIANTS = dsp
COMPILER = arm-none-eabi-gcc
CPU = -mthumb -mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mfloat-abi=hard
MAP = CODE_ORIGIN=0x10000000 CODE_BYTES=0x400000 RAM_ORIGIN=0x38000000 RAM_BYTES=0x400000 FLASH_ORIGIN=0x80000000 FLASH_BYTES=0x1000000
SOURCES = port/mps2/startup.c port/mps2/uart_cmsdk.c port/mps2/lan9118.c port/mps2/clock_cmsdk.c
DEFINES = TICK_HZ=20000000u TIMER_BASE=0x50000000u FPGAIO_BASE=0x50302000u UART_BASE=0x50200000u ETHERNET_BASE=0x52000000u
CORE = Cortex-M33
CLOCK_HZ = 20000000
include port/semihosting/Makefile.inc
