# A process of the host computer
VARIANTS = dsp mve
COMPILER = cc
SOURCES = port/posix/main.c port/emulated_flash/emulated_flash.c
DEFINES = _POSIX_C_SOURCE=200809L
