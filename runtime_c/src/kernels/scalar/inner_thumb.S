/* The inner loops for cores with the Thumb-2 instructions of a Cortex-M3; inner.h says what each computes,
 * inner_portable.c says it in C. A count is the instructions of one pass; the cycles of a Cortex-M3 without wait states
 * are beside it (a load 2, or 1 right behind another load; MLA 2; SMULL 3 to 5; SMLAL 4 to 7; a taken branch 3). */
#if defined(__thumb2__)

        .syntax unified
        .thumb
        .text

        .macro  function name
        .global \name
        .type   \name, %function
        .thumb_func
        .balign 4
\name:
        .endm

        .set    SUM, 0                  /* of every frame: what exact_round is given, and gives back */

/* The value of a sum under ONNXRUNTIME by plr_scalar_round. In and out: [sp, #SUM]; r0 addend, r1 multiplier, r3 shift.
 * Changes r12 and lr. */
        .thumb_func
        .type   exact_round, %function
exact_round:
        push    {r0-r3, r4, lr}
        mov     r2, r1
        mov     r1, r0
        ldr     r0, [sp, #24 + SUM]
        bl      plr_scalar_round
        str     r0, [sp, #24 + SUM]
        pop     {r0-r3, r4, pc}

/* Requantisation of a sum, TFLM: 6 (10 to 13 cycles). The addend holds half of 2^shift and the zero point; subtracting 1
 * below zero makes the second rounding go away from zero there. */
        .macro  round_fixed sum
        lsl     \sum, \sum, #1
        add     r12, r0, \sum, asr #31
        mov     lr, #0x80000000
        smlal   lr, r12, \sum, r1
        asr     \sum, r12, r3
        ssat    \sum, #8, \sum
        .endm

/* Requantisation of a sum, ONNXRUNTIME: 8 (11 to 13 cycles), and a call where the fraction is 0 or 1, which is next to a
 * tie. */
        .macro  round_float sum
        lsl     \sum, \sum, r3
        smull   lr, r12, \sum, r1
        add     r12, r12, r0
        lsl     lr, r12, #18
        cmp     lr, #1 << 19
        blo     7f
        asr     \sum, r12, #14
6:      ssat    \sum, #8, \sum
        .subsection 1
7:      asr     \sum, \sum, r3
        str     \sum, [sp, #SUM]
        bl      exact_round
        ldr     \sum, [sp, #SUM]
        b       6b
        .previous
        .endm

/* plr_scalar_tiles_*: two pixels by up to four output channels.
 *
 *   r0, r1 pixels   r2 group   r3, r12 values of the pixels   lr a weight   r4-r7 sums of the first pixel, r8-r11 of the
 *   second, by channel
 *
 * A step, 8 products of 4 channels: 14 (26 to 28 cycles, 3.3 a product). 8 steps: 3. A group, 8 outputs: 23, and 52 (TFLM)
 * or 68 (ONNXRUNTIME) to round. A tile: 20. */
        .set    PIXELS, 8
        .set    OUTPUTS, 16
        .set    GROUPS_END, 24
        .set    PIXEL_END, 28
        .set    ENTRY, 32
        .set    PLACES, 36              /* outputs of the first group */
        .set    TILE, 44
        .set    LEFT, 48                /* tiles */
        .set    TILE_FRAME_BYTES, 52
        .set    TILE_GROUPS, 16         /* fields of the tile */
        .set    TILE_COUNT, 28
        .set    TILE_STEPS, 32
        .set    STEPS, 8

        .macro  products first, second
        ldrsb   lr, [r2], #1
        mla     \first, r3, lr, \first
        mla     \second, r12, lr, \second
        .endm

        .macro  finish_fixed first, second
        ldm     r2!, {r0, r1, r3}
        round_fixed \first
        round_fixed \second
        .endm

        .macro  finish_float first, second
        ldm     r2!, {r0, r1, r3}
        round_float \first
        round_float \second
        .endm

        .macro  finish_sums first, second
        .endm

        .macro  store_fixed first, second
        strb    \first, [r0], #1
        strb    \second, [r1], #1
        .endm

        .macro  store_float first, second
        store_fixed \first, \second
        .endm

        .macro  store_sums first, second
        str     \first, [r0], #4
        str     \second, [r1], #4
        .endm

/* `what` for the two sums of each channel. */
        .macro  channels count, what
        \what   r4, r8
        .if     \count > 1
        \what   r5, r9
        .endif
        .if     \count > 2
        \what   r6, r10
        .endif
        .if     \count > 3
        \what   r7, r11
        .endif
        .endm

        .macro  biases_1
        ldr     r4, [r2], #4
        mov     r8, r4
        .endm

        .macro  biases_2
        ldm     r2!, {r4, r5}
        mov     r8, r4
        mov     r9, r5
        .endm

        .macro  biases_3
        ldm     r2!, {r4-r6}
        mov     r8, r4
        mov     r9, r5
        mov     r10, r6
        .endm

        .macro  biases_4
        ldm     r2!, {r4-r7}
        mov     r8, r4
        mov     r9, r5
        mov     r10, r6
        mov     r11, r7
        .endm

        .macro  tile rule, count
        function plr_scalar_tile_\rule\()_\count
        push    {r4-r11, lr}
        sub     sp, #TILE_FRAME_BYTES
        ldr     r7, [r0, #TILE_COUNT]
        strd    r0, r7, [sp, #TILE]
        ldm     r0, {r0-r6}
        strd    r0, r1, [sp, #PIXELS]
        strd    r2, r3, [sp, #OUTPUTS]
        strd    r2, r3, [sp, #PLACES]
        mov     r2, r4
        add     r0, r6
        strd    r5, r0, [sp, #GROUPS_END]
        rsb     r6, #0
        and     r6, #STEPS - 1          /* steps to skip at first */
        mov     r3, #(2 + 3 * \count) * 4
        adr.w   r5, 2f
        mla     r5, r6, r3, r5
        orr     r5, #1
        str     r5, [sp, #ENTRY]
1:      biases_\count
        ldrd    r0, r1, [sp, #PIXELS]
        ldr     pc, [sp, #ENTRY]
        .balign 4
2:
        .rept   STEPS
        ldrsb   r3, [r0], #1
        ldrsb   r12, [r1], #1
        channels \count, products
        .endr
3:      .if     3b - 2b - STEPS * (2 + 3 * \count) * 4
        .error  "a step has another size"
        .endif
        ldr     r3, [sp, #PIXEL_END]
        cmp     r0, r3
        bne     2b
        .if     \count < 4
        add     r2, #3
        bic     r2, #3
        .endif
        channels \count, finish_\rule
        ldrd    r0, r1, [sp, #OUTPUTS]
        channels \count, store_\rule
        strd    r0, r1, [sp, #OUTPUTS]
        ldr     r3, [sp, #GROUPS_END]
        cmp     r2, r3
        bne     1b
        ldrd    r4, r5, [sp, #TILE]     /* the next tile */
        subs    r5, #1
        beq     4f
        str     r5, [sp, #LEFT]
        ldr     r2, [r4, #TILE_GROUPS]
        ldrd    r6, r7, [r4, #TILE_STEPS]
        ldrd    r0, r1, [sp, #PIXELS]
        add     r0, r6
        add     r1, r6
        strd    r0, r1, [sp, #PIXELS]
        ldr     r3, [sp, #PIXEL_END]
        add     r3, r6
        str     r3, [sp, #PIXEL_END]
        ldrd    r0, r1, [sp, #PLACES]
        add     r0, r7
        add     r1, r7
        strd    r0, r1, [sp, #PLACES]
        strd    r0, r1, [sp, #OUTPUTS]
        b       1b
4:      add     sp, #TILE_FRAME_BYTES
        pop     {r4-r11, pc}
        .endm

        .macro  tiles rule
        tile    \rule, 1
        tile    \rule, 2
        tile    \rule, 3
        tile    \rule, 4
        .section .rodata
        .balign 4
        .global plr_scalar_tiles_\rule
plr_scalar_tiles_\rule:
        .word   plr_scalar_tile_\rule\()_1, plr_scalar_tile_\rule\()_2
        .word   plr_scalar_tile_\rule\()_3, plr_scalar_tile_\rule\()_4
        .text
        .endm

        tiles   fixed
        tiles   float
        tiles   sums

/* plr_scalar_planar: 19 for 8 elements.
 *
 *   r0 line   r1 pixels   r2 stride   r3 count   r4, r5 four channels of two pixels */
        .set    LINE_BYTES, 128
        .set    PLANE_BYTES, 3 * LINE_BYTES

        .macro  spread word, place
        strb    \word, [r0, #\place]
        lsr     \word, #8
        strb    \word, [r0, #\place + PLANE_BYTES]
        lsr     \word, #8
        strb    \word, [r0, #\place + 2 * PLANE_BYTES]
        lsr     \word, #8
        strb    \word, [r0, #\place + 3 * PLANE_BYTES]
        .endm

        function plr_scalar_planar
        push    {r4, r5}
        subs    r3, #2
        blo     2f
1:      ldr     r4, [r1]
        ldr     r5, [r1, r2]
        add     r1, r1, r2, lsl #1
        spread  r4, 0
        spread  r5, 1
        adds    r0, #2
        subs    r3, #2
        bhs     1b
2:      adds    r3, #2
        beq     3f
        ldr     r4, [r1]
        spread  r4, 0
3:      pop     {r4, r5}
        bx      lr

/* plr_scalar_row_*: four neighbouring outputs of one channel at a time.
 *
 *   r0 columns   r1 output   r2 weights   r4-r7 sums   r8-r10 weights of a kernel row   r11, r12 values
 *   lr record of the channel
 *
 * Four outputs, 36 products: 63 (stride 1) or 72 (stride 2), 4 to begin, and 24 (TFLM) or 32 (ONNXRUNTIME) to round,
 * 18 for the rest. A channel: 24. The last outputs of a row are computed again where they do not fill four; a row of less
 * than four writes its first one last, to where the missing ones went. */
        .set    ROW_BLOCK_BYTES, 4      /* of an output row: four strides */
        .set    ROW_OFFSETS, 8          /* of outputs 3, 2 and 1 */
        .set    ROW_STEP, 20            /* columns of a block, in the planes */
        .set    ROW_END, 24             /* end of the whole blocks */
        .set    ROW_REST, 28            /* columns to go back before the last block, 0 if there is none or no more */
        .set    ROW_REST_BYTES, 32      /* the same of the output */
        .set    ROW_COLUMNS, 36         /* whole blocks, in columns of the planes */
        .set    ROW_FIRST_REST, 40
        .set    ROW_PLANES, 44          /* the fields of the strip */
        .set    ROW_OUTPUT, 48
        .set    ROW_RECORD, 56
        .set    ROW_ROTATION, 60
        .set    ROW_LEFT, 64
        .set    ROW_SAVED, 68           /* r0 and r1 */
        .set    ROW_FRAME_BYTES, 76
        .set    RECORD_BYTES, 32
        .set    RECORD_BIAS, 16

        .macro  weights_of line
        ldrsb   r8, [r2, #3 * \line]
        ldrsb   r9, [r2, #3 * \line + 1]
        ldrsb   r10, [r2, #3 * \line + 2]
        .endm

        .macro  line_1 line
        weights_of \line
        ldrsb   r11, [r0, #\line * LINE_BYTES]
        ldrsb   r12, [r0, #\line * LINE_BYTES + 1]
        mla     r4, r11, r8, r4
        ldrsb   r11, [r0, #\line * LINE_BYTES + 2]
        mla     r4, r12, r9, r4
        mla     r5, r12, r8, r5
        ldrsb   r12, [r0, #\line * LINE_BYTES + 3]
        mla     r4, r11, r10, r4
        mla     r5, r11, r9, r5
        mla     r6, r11, r8, r6
        ldrsb   r11, [r0, #\line * LINE_BYTES + 4]
        mla     r5, r12, r10, r5
        mla     r6, r12, r9, r6
        mla     r7, r12, r8, r7
        ldrsb   r12, [r0, #\line * LINE_BYTES + 5]
        mla     r6, r11, r10, r6
        mla     r7, r11, r9, r7
        mla     r7, r12, r10, r7
        .endm

        .macro  output_2 line, column, sum
        ldrsb   r12, [r0, #\line * LINE_BYTES + \column + 1]
        mla     \sum, r11, r8, \sum
        ldrsb   r11, [r0, #\line * LINE_BYTES + \column + 2]
        mla     \sum, r12, r9, \sum
        mla     \sum, r11, r10, \sum
        .endm

        .macro  line_2 line
        weights_of \line
        ldrsb   r11, [r0, #\line * LINE_BYTES]
        output_2 \line, 0, r4
        output_2 \line, 2, r5
        output_2 \line, 4, r6
        output_2 \line, 6, r7
        .endm

        .macro  row rule, stride
        function plr_scalar_row_\rule\()_\stride
        push    {r4-r11, lr}
        sub     sp, #ROW_FRAME_BYTES
        ldm     r0, {r0-r6}             /* planes, output, columns, record, rotation, channels, pixel stride */
        strd    r0, r1, [sp, #ROW_PLANES]
        strd    r3, r4, [sp, #ROW_RECORD]
        str     r5, [sp, #ROW_LEFT]
        lsl     r7, r6, #2
        str     r7, [sp, #ROW_BLOCK_BYTES]
        mov     r9, r6                  /* offsets of outputs 1, 2 and 3, or 0 */
        lsl     r10, r6, #1
        add     r11, r10, r6
        ands    r3, r2, #3              /* outputs of an incomplete block */
        subs    r4, r2, r3              /* those of whole blocks */
        bne     1f
        mov     r4, #4                  /* the only block is incomplete */
        mov     r11, #0
        cmp     r2, #3
        it      lo
        movlo   r10, #0
        cmp     r2, #2
        it      lo
        movlo   r9, #0
        mov     r3, #4
1:      rsb     r3, r3, #4              /* outputs to go back, 4 for none */
        and     r3, #3
        strd    r11, r10, [sp, #ROW_OFFSETS]
        str     r9, [sp, #ROW_OFFSETS + 8]
        mul     r5, r3, r6
        str     r5, [sp, #ROW_REST_BYTES]
        .if     \stride == 2
        lsl     r3, #1
        lsl     r4, #1
        .endif
        strd    r4, r3, [sp, #ROW_COLUMNS]
        ldr     r3, [sp, #ROW_RECORD]
        ldr     r4, [sp, #ROW_ROTATION]
        b       4f
2:      ldr     r0, [sp, #ROW_PLANES]   /* the next channel */
        add     r0, #PLANE_BYTES
        ldr     r1, [sp, #ROW_OUTPUT]
        adds    r1, #1
        strd    r0, r1, [sp, #ROW_PLANES]
        ldrd    r3, r4, [sp, #ROW_RECORD]
        add     r3, #RECORD_BYTES
        str     r3, [sp, #ROW_RECORD]
4:      add     r2, r3, r4
        ldrd    r3, r4, [sp, #ROW_COLUMNS]
        add     r3, r0
        strd    r3, r4, [sp, #ROW_END]
5:      ldr     lr, [sp, #ROW_RECORD]   /* four outputs */
        ldr     r4, [lr, #RECORD_BIAS]
        mov     r5, r4
        mov     r6, r4
        mov     r7, r4
        line_\stride 0
        line_\stride 1
        line_\stride 2
        strd    r0, r1, [sp, #ROW_SAVED]
        ldrd    r0, r1, [lr, #RECORD_BIAS + 4]
        ldr     r3, [lr, #RECORD_BIAS + 12]
        round_\rule r4
        round_\rule r5
        round_\rule r6
        round_\rule r7
        ldrd    r0, r1, [sp, #ROW_SAVED]
        ldrd    r8, r9, [sp, #ROW_OFFSETS]
        ldr     r10, [sp, #ROW_OFFSETS + 8]
        strb    r7, [r1, r8]
        strb    r6, [r1, r9]
        strb    r5, [r1, r10]
        strb    r4, [r1]
        ldr     r3, [sp, #ROW_BLOCK_BYTES]
        add     r0, #4 * \stride
        add     r1, r3
        ldrd    r3, r4, [sp, #ROW_END]
        cmp     r0, r3
        bne     5b
        cbz     r4, 8f                  /* the last outputs, some of them again */
        subs    r0, r0, r4
        ldr     r5, [sp, #ROW_REST_BYTES]
        subs    r1, r1, r5
        add     r3, r0, #4 * \stride
        mov     r4, #0
        strd    r3, r4, [sp, #ROW_END]
        b       5b
8:      ldr     r2, [sp, #ROW_LEFT]
        subs    r2, #1
        str     r2, [sp, #ROW_LEFT]
        bne     2b
        add     sp, #ROW_FRAME_BYTES
        pop     {r4-r11, pc}
        .endm

        row     fixed, 1
        row     fixed, 2
        row     float, 1
        row     float, 2

        .macro  rows rule
        .global plr_scalar_rows_\rule
plr_scalar_rows_\rule:
        .word   plr_scalar_row_\rule\()_1, plr_scalar_row_\rule\()_2
        .endm

        .section .rodata
        .balign 4
        rows    fixed
        rows    float
        .text

/* plr_scalar_dots: 38 for 16 products (64 cycles).
 *
 *   r0 chunks   r1 values   r2, r4-r6 rows of weights   r7-r10 sums   r3 a value   r12, lr weights */
        .macro  dot
        ldrsb   r3, [r1], #1
        ldrsb   r12, [r2], #1
        ldrsb   lr, [r4], #1
        mla     r7, r3, r12, r7
        ldrsb   r12, [r5], #1
        mla     r8, r3, lr, r8
        ldrsb   lr, [r6], #1
        mla     r9, r3, r12, r9
        mla     r10, r3, lr, r10
        .endm

        function plr_scalar_dots
        push    {r0, r4-r10, lr}
        ldm     r0, {r7-r10}
        ldr     r0, [sp, #36]
        add     r4, r2, r3
        add     r5, r4, r3
        add     r6, r5, r3
1:
        .rept   4
        dot
        .endr
        subs    r0, #1
        bne     1b
        pop     {r0}
        stm     r0, {r7-r10}
        pop     {r4-r10, pc}

/* plr_scalar_add_run: 14 for an element.
 *
 *   r0 sums   r1, r2 values   r3 count   r4, r5 tables   r6-r8 finish   r9, r10, r12, lr temporaries */
        .set    TABLE_WORDS_BYTES, 1024

        function plr_scalar_add_run
        push    {r4-r10, lr}
        ldr     r4, [sp, #32]
        add     r5, r4, #TABLE_WORDS_BYTES
        add     r6, r5, #TABLE_WORDS_BYTES
        ldm     r6, {r6-r8}
1:      ldrb    r9, [r1], #1
        ldrb    r10, [r2], #1
        ldr     r9, [r4, r9, lsl #2]
        ldr     r10, [r5, r10, lsl #2]
        mov     lr, #0x80000000
        add     r9, r10
        add     r12, r7, r9, asr #31
        smlal   lr, r12, r9, r6
        asr     r9, r12, r8
        ssat    r9, #8, r9
        strb    r9, [r0], #1
        subs    r3, #1
        bne     1b
        pop     {r4-r10, pc}

#endif
#if defined(__linux__)
        .section .note.GNU-stack, "", %progbits
#endif
