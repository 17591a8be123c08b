# Cortex-M7
VARIANTS = dsp
COMPILER = arm-none-eabi-gcc
CPU = -mthumb -mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard
MAP = CODE_ORIGIN=0x0 CODE_BYTES=0x400000 RAM_ORIGIN=0x20000000 RAM_BYTES=0x400000 FLASH_ORIGIN=0x60000000 FLASH_BYTES=0x1000000
SOURCES = port/mps2/startup.c port/mps2/uart_cmsdk.c port/mps2/lan9118.c port/mps2/clock_cmsdk.c
DEFINES = TICK_HZ=25000000u TIMER_BASE=0x40000000u FPGAIO_BASE=0x40028000u UART_BASE=0x40004000u ETHERNET_BASE=0xA0000000u
CORE = Cortex-M7
CLOCK_HZ = 25000000
include port/semihosting/Makefile.inc
