/* The inner loops for RV32 with multiplication; inner.h says what each computes, inner_portable.c says it in C. A count
 * is the instructions of one pass. */
#if defined(__riscv)

        .option norelax
        .text

        .macro  function name
        .global \name
        .type   \name, @function
        .balign 4
\name:
        .endm

/* Frames: what exact_round is given and gives back, what it keeps, and the callee-saved registers. */
        .set    SUM, 0
        .set    SAVED, 4
        .set    LOCALS, 56
        .set    FRAME_BYTES, 128

        .macro  enter
        addi    sp, sp, -FRAME_BYTES
        sw      ra, SAVED(sp)
        sw      s0, SAVED + 4(sp)
        sw      s1, SAVED + 8(sp)
        sw      s2, SAVED + 12(sp)
        sw      s3, SAVED + 16(sp)
        sw      s4, SAVED + 20(sp)
        sw      s5, SAVED + 24(sp)
        sw      s6, SAVED + 28(sp)
        sw      s7, SAVED + 32(sp)
        sw      s8, SAVED + 36(sp)
        sw      s9, SAVED + 40(sp)
        sw      s10, SAVED + 44(sp)
        sw      s11, SAVED + 48(sp)
        .endm

        .macro  leave
        lw      ra, SAVED(sp)
        lw      s0, SAVED + 4(sp)
        lw      s1, SAVED + 8(sp)
        lw      s2, SAVED + 12(sp)
        lw      s3, SAVED + 16(sp)
        lw      s4, SAVED + 20(sp)
        lw      s5, SAVED + 24(sp)
        lw      s6, SAVED + 28(sp)
        lw      s7, SAVED + 32(sp)
        lw      s8, SAVED + 36(sp)
        lw      s9, SAVED + 40(sp)
        lw      s10, SAVED + 44(sp)
        lw      s11, SAVED + 48(sp)
        addi    sp, sp, FRAME_BYTES
        ret
        .endm

/* The value of a sum under ONNXRUNTIME by plr_scalar_round. In and out: SUM(sp); t0 addend, t1 multiplier, t2 shift.
 * Returns to t4, changes t3 and t4 alone. */
        .set    KEPT_BYTES, 64

        .type   exact_round, @function
exact_round:
        addi    sp, sp, -KEPT_BYTES
        sw      ra, 0(sp)
        sw      t0, 4(sp)
        sw      t1, 8(sp)
        sw      t2, 12(sp)
        sw      t4, 16(sp)
        sw      t5, 20(sp)
        sw      t6, 24(sp)
        sw      a0, 28(sp)
        sw      a1, 32(sp)
        sw      a2, 36(sp)
        sw      a3, 40(sp)
        sw      a4, 44(sp)
        sw      a5, 48(sp)
        sw      a6, 52(sp)
        sw      a7, 56(sp)
        lw      a0, KEPT_BYTES + SUM(sp)
        mv      a1, t0
        mv      a2, t1
        mv      a3, t2
        call    plr_scalar_round
        sw      a0, KEPT_BYTES + SUM(sp)
        lw      ra, 0(sp)
        lw      t0, 4(sp)
        lw      t1, 8(sp)
        lw      t2, 12(sp)
        lw      t4, 16(sp)
        lw      t5, 20(sp)
        lw      t6, 24(sp)
        lw      a0, 28(sp)
        lw      a1, 32(sp)
        lw      a2, 36(sp)
        lw      a3, 40(sp)
        lw      a4, 44(sp)
        lw      a5, 48(sp)
        lw      a6, 52(sp)
        lw      a7, 56(sp)
        addi    sp, sp, KEPT_BYTES
        jr      t4

/* Saturation to int8: 2 where there is none, 4 at most. t5 is 255. */
        .macro  saturate sum
        addi    t3, \sum, 128
        bgeu    t5, t3, 5f
        srai    \sum, \sum, 31
        xori    \sum, \sum, 127
5:
        .endm

/* Requantisation of a sum, TFLM: 8 and the saturation. The high word of 4 sum * multiplier, plus 1, halved, is the first
 * rounding; adding the sign to the addend makes the second go away from zero. t0 addend, t1 multiplier, t2 shift. */
        .macro  round_fixed sum
        slli    t3, \sum, 2
        mulh    t3, t3, t1
        srai    t4, \sum, 31
        add     t4, t4, t0
        addi    t3, t3, 1
        srai    t3, t3, 1
        add     t3, t3, t4
        sra     \sum, t3, t2
        saturate \sum
        .endm

/* Requantisation of a sum, ONNXRUNTIME: 7 and the saturation, and a call where the fraction is 0 or 1, which is next to a
 * tie. */
        .macro  round_float sum
        sll     t3, \sum, t2
        mulh    t4, t3, t1
        add     t4, t4, t0
        slli    t3, t4, 18
        srli    t3, t3, 19
        beqz    t3, 7f
        srai    \sum, t4, 14
6:      saturate \sum
        .subsection 1
7:      sw      \sum, SUM(sp)
        jal     t4, exact_round
        lw      \sum, SUM(sp)
        j       6b
        .previous
        .endm

/* plr_scalar_tiles_*: four pixels by up to four output channels.
 *
 *   a0-a3 pixels   t6 group   t0-t3 values of the pixels   t4 a weight   t5 a product   ra end of pixel 0
 *   sums by channel: s0-s3, s4-s7, s8-s11, a4-a7
 *
 * A step, 16 products of 4 channels: 40. 4 steps: 6. A group, 16 outputs: 56, and 12 (TFLM) or 11 (ONNXRUNTIME) an
 * output, at least 2 of them to saturate it, with its store. A tile: 39. */
        .set    PIXELS, LOCALS          /* less the steps to skip */
        .set    OUTPUTS, LOCALS + 16
        .set    GROUPS_END, LOCALS + 32
        .set    PIXEL_END, LOCALS + 36
        .set    ENTRY, LOCALS + 40
        .set    SKIPPED_BYTES, LOCALS + 44
        .set    TILE, LOCALS + 48
        .set    LEFT, LOCALS + 52       /* tiles */
        .set    SHIFT, LOCALS + 56      /* of the outputs, from the first tile's */
        .set    TILE_OUTPUTS, 16        /* fields of the tile */
        .set    TILE_GROUPS, 32
        .set    TILE_COUNT, 44
        .set    TILE_INPUT_STEP, 48
        .set    TILE_OUTPUT_STEP, 52
        .set    STEPS, 4

        .macro  products step, channel, count, a, b, c, d
        lb      t4, \step * \count + \channel(t6)
        mul     t5, t0, t4
        add     \a, \a, t5
        mul     t5, t1, t4
        add     \b, \b, t5
        mul     t5, t2, t4
        add     \c, \c, t5
        mul     t5, t3, t4
        add     \d, \d, t5
        .endm

        .macro  step number, count
        lb      t0, \number(a0)
        lb      t1, \number(a1)
        lb      t2, \number(a2)
        lb      t3, \number(a3)
        products \number, 0, \count, s0, s1, s2, s3
        .if     \count > 1
        products \number, 1, \count, s4, s5, s6, s7
        .endif
        .if     \count > 2
        products \number, 2, \count, s8, s9, s10, s11
        .endif
        .if     \count > 3
        products \number, 3, \count, a4, a5, a6, a7
        .endif
        .endm

/* `what` for the four sums of each channel. */
        .macro  channels count, what
        \what   0, s0, s1, s2, s3
        .if     \count > 1
        \what   1, s4, s5, s6, s7
        .endif
        .if     \count > 2
        \what   2, s8, s9, s10, s11
        .endif
        .if     \count > 3
        \what   3, a4, a5, a6, a7
        .endif
        .endm

        .macro  begin channel, a, b, c, d
        lw      \a, 4 * \channel(t6)
        mv      \b, \a
        mv      \c, \a
        mv      \d, \a
        .endm

        .macro  finish
        lw      t0, 0(t6)
        lw      t1, 4(t6)
        lw      t2, 8(t6)
        addi    t6, t6, 12
        .endm

        .macro  finish_fixed channel, a, b, c, d
        finish
        round_fixed \a
        round_fixed \b
        round_fixed \c
        round_fixed \d
        .endm

        .macro  finish_float channel, a, b, c, d
        finish
        round_float \a
        round_float \b
        round_float \c
        round_float \d
        .endm

        .macro  finish_sums channel, a, b, c, d
        .endm

        .macro  store_fixed channel, a, b, c, d
        sb      \a, \channel(a0)
        sb      \b, \channel(a1)
        sb      \c, \channel(a2)
        sb      \d, \channel(a3)
        .endm

        .macro  store_float channel, a, b, c, d
        store_fixed \channel, \a, \b, \c, \d
        .endm

        .macro  store_sums channel, a, b, c, d
        sw      \a, 4 * \channel(a0)
        sw      \b, 4 * \channel(a1)
        sw      \c, 4 * \channel(a2)
        sw      \d, 4 * \channel(a3)
        .endm

        .macro  tile rule, count, element_bytes
        function plr_scalar_tile_\rule\()_\count
        enter
        lw      t0, TILE_COUNT(a0)
        sw      a0, TILE(sp)
        sw      t0, LEFT(sp)
        sw      zero, SHIFT(sp)
        lw      a1, 0(a0)
        lw      a2, 4(a0)
        lw      a3, 8(a0)
        lw      a4, 12(a0)
        lw      a5, 40(a0)              /* products */
        add     t0, a1, a5
        sw      t0, PIXEL_END(sp)
        neg     a5, a5
        andi    a5, a5, STEPS - 1       /* steps to skip at first */
        sub     a1, a1, a5
        sub     a2, a2, a5
        sub     a3, a3, a5
        sub     a4, a4, a5
        sw      a1, PIXELS(sp)
        sw      a2, PIXELS + 4(sp)
        sw      a3, PIXELS + 8(sp)
        sw      a4, PIXELS + 12(sp)
        lw      a1, 16(a0)
        lw      a2, 20(a0)
        lw      a3, 24(a0)
        lw      a4, 28(a0)
        sw      a1, OUTPUTS(sp)
        sw      a2, OUTPUTS + 4(sp)
        sw      a3, OUTPUTS + 8(sp)
        sw      a4, OUTPUTS + 12(sp)
        lw      t6, 32(a0)
        lw      a1, 36(a0)
        sw      a1, GROUPS_END(sp)
        li      t0, \count
        mul     t0, t0, a5
        addi    t0, t0, -4 * \count     /* the biases are passed there too */
        sw      t0, SKIPPED_BYTES(sp)
        li      t0, (4 + 9 * \count) * 4
        mul     t0, t0, a5
        la      t1, 2f
        add     t0, t0, t1
        sw      t0, ENTRY(sp)
1:      channels \count, begin
        lw      t0, SKIPPED_BYTES(sp)
        lw      a0, PIXELS(sp)
        lw      a1, PIXELS + 4(sp)
        lw      a2, PIXELS + 8(sp)
        lw      a3, PIXELS + 12(sp)
        lw      ra, PIXEL_END(sp)
        sub     t6, t6, t0
        lw      t0, ENTRY(sp)
        jr      t0
        .balign 4
        .option push
        .option norvc
2:      step    0, \count
        step    1, \count
        step    2, \count
        step    3, \count
3:      .if     3b - 2b - STEPS * (4 + 9 * \count) * 4
        .error  "a step has another size"
        .endif
        .option pop
        addi    a0, a0, STEPS
        addi    a1, a1, STEPS
        addi    a2, a2, STEPS
        addi    a3, a3, STEPS
        addi    t6, t6, STEPS * \count
        bne     a0, ra, 2b
        .if     \count < 4
        addi    t6, t6, 3
        andi    t6, t6, -4
        .endif
        li      t5, 255
        channels \count, finish_\rule
        lw      a0, OUTPUTS(sp)
        lw      a1, OUTPUTS + 4(sp)
        lw      a2, OUTPUTS + 8(sp)
        lw      a3, OUTPUTS + 12(sp)
        channels \count, store_\rule
        lw      t0, GROUPS_END(sp)
        addi    a0, a0, \count * \element_bytes
        addi    a1, a1, \count * \element_bytes
        addi    a2, a2, \count * \element_bytes
        addi    a3, a3, \count * \element_bytes
        sw      a0, OUTPUTS(sp)
        sw      a1, OUTPUTS + 4(sp)
        sw      a2, OUTPUTS + 8(sp)
        sw      a3, OUTPUTS + 12(sp)
        beq     t6, t0, 4f
        j       1b
4:      lw      t5, TILE(sp)            /* the next tile */
        lw      t1, LEFT(sp)
        addi    t1, t1, -1
        beqz    t1, 5f
        sw      t1, LEFT(sp)
        lw      t6, TILE_GROUPS(t5)
        lw      t0, TILE_INPUT_STEP(t5)
        .irp    place, PIXELS, PIXELS + 4, PIXELS + 8, PIXELS + 12, PIXEL_END
        lw      t1, \place(sp)
        add     t1, t1, t0
        sw      t1, \place(sp)
        .endr
        lw      t0, TILE_OUTPUT_STEP(t5)
        lw      t1, SHIFT(sp)
        add     t0, t0, t1
        sw      t0, SHIFT(sp)
        .irp    place, 0, 4, 8, 12
        lw      t1, TILE_OUTPUTS + \place(t5)
        add     t1, t1, t0
        sw      t1, OUTPUTS + \place(sp)
        .endr
        j       1b
5:      leave
        .endm

        .macro  tiles rule, element_bytes
        tile    \rule, 1, \element_bytes
        tile    \rule, 2, \element_bytes
        tile    \rule, 3, \element_bytes
        tile    \rule, 4, \element_bytes
        .section .rodata
        .balign 4
        .global plr_scalar_tiles_\rule
plr_scalar_tiles_\rule:
        .word   plr_scalar_tile_\rule\()_1, plr_scalar_tile_\rule\()_2
        .word   plr_scalar_tile_\rule\()_3, plr_scalar_tile_\rule\()_4
        .text
        .endm

        tiles   fixed, 1
        tiles   float, 1
        tiles   sums, 4

/* plr_scalar_planar: 11 for 4 elements.
 *
 *   a0 line   a1 pixels   a2 stride   a3 count   t0-t3 four channels of a pixel */
        .set    LINE_BYTES, 128
        .set    PLANE_BYTES, 3 * LINE_BYTES

        function plr_scalar_planar
        add     a3, a3, a0
        j       2f
1:      lb      t0, 0(a1)
        lb      t1, 1(a1)
        lb      t2, 2(a1)
        lb      t3, 3(a1)
        add     a1, a1, a2
        sb      t0, 0(a0)
        sb      t1, PLANE_BYTES(a0)
        sb      t2, 2 * PLANE_BYTES(a0)
        sb      t3, 3 * PLANE_BYTES(a0)
        addi    a0, a0, 1
2:      bne     a0, a3, 1b
        ret

/* plr_scalar_row_*: one channel at a time, its nine weights and the nine values under the window in registers.
 *
 *   a0 columns   a1 output   s0-s8 weights   a2-a7, s9-s11 values: three columns   t0-t2 finish   t3, t4 temporaries
 *   t5 255   t6 sum   ra end of the output row
 *
 * An output, 9 products: 35 (stride 1, TFLM) or 38 (stride 2). A channel: 40. */
        .set    ROW_OUTPUT_BYTES, LOCALS        /* from the first output to the end of the row */
        .set    ROW_PLANES, LOCALS + 4
        .set    ROW_OUTPUT, LOCALS + 8
        .set    ROW_RECORD, LOCALS + 12
        .set    ROW_ROTATION, LOCALS + 16
        .set    ROW_LEFT, LOCALS + 20
        .set    ROW_STRIDE, LOCALS + 24
        .set    RECORD_BYTES, 32
        .set    RECORD_BIAS, 16
        .set    ROW_BIAS, LOCALS + 28

        .macro  load column, x0, x1, x2
        lb      \x0, \column(a0)
        lb      \x1, \column + LINE_BYTES(a0)
        lb      \x2, \column + 2 * LINE_BYTES(a0)
        .endm

        .macro  product x, weight
        mul     t3, \x, \weight
        add     t6, t6, t3
        .endm

/* An output from three columns of values, by line: a, b and c are the first, second and third. */
        .macro  output rule, a0, a1, a2, b0, b1, b2, c0, c1, c2
        lw      t6, ROW_BIAS(sp)
        product \a0, s0
        product \b0, s1
        product \c0, s2
        product \a1, s3
        product \b1, s4
        product \c1, s5
        product \a2, s6
        product \b2, s7
        product \c2, s8
        round_\rule t6
        lw      t3, ROW_STRIDE(sp)
        sb      t6, 0(a1)
        add     a1, a1, t3
        .endm

        .macro  slide_1 rule
        load    0, a2, a3, a4
        load    1, a5, a6, a7
3:      load    2, s9, s10, s11
        output  \rule, a2, a3, a4, a5, a6, a7, s9, s10, s11
        beq     a1, ra, 8f
        load    3, a2, a3, a4
        output  \rule, a5, a6, a7, s9, s10, s11, a2, a3, a4
        beq     a1, ra, 8f
        load    4, a5, a6, a7
        output  \rule, s9, s10, s11, a2, a3, a4, a5, a6, a7
        addi    a0, a0, 3
        beq     a1, ra, 8f
        j       3b
        .endm

        .macro  slide_2 rule
        load    0, a2, a3, a4
3:      load    1, a5, a6, a7
        load    2, s9, s10, s11
        output  \rule, a2, a3, a4, a5, a6, a7, s9, s10, s11
        beq     a1, ra, 8f
        load    3, a5, a6, a7
        load    4, a2, a3, a4
        output  \rule, s9, s10, s11, a5, a6, a7, a2, a3, a4
        addi    a0, a0, 4
        beq     a1, ra, 8f
        j       3b
        .endm

        .macro  row rule, stride
        function plr_scalar_row_\rule\()_\stride
        enter
        lw      a1, 4(a0)
        lw      t0, 8(a0)
        lw      t1, 24(a0)
        mul     t0, t0, t1
        sw      t0, ROW_OUTPUT_BYTES(sp)
        sw      t1, ROW_STRIDE(sp)
        lw      t1, 12(a0)
        sw      t1, ROW_RECORD(sp)
        lw      t2, 16(a0)
        sw      t2, ROW_ROTATION(sp)
        lw      t2, 20(a0)
        sw      t2, ROW_LEFT(sp)
        lw      a0, 0(a0)
        li      t5, 255
2:      sw      a0, ROW_PLANES(sp)
        sw      a1, ROW_OUTPUT(sp)
        lw      t1, ROW_RECORD(sp)
        lw      t2, ROW_ROTATION(sp)
        lw      ra, ROW_OUTPUT_BYTES(sp)
        add     t2, t2, t1
        lb      s0, 0(t2)
        lb      s1, 1(t2)
        lb      s2, 2(t2)
        lb      s3, 3(t2)
        lb      s4, 4(t2)
        lb      s5, 5(t2)
        lb      s6, 6(t2)
        lb      s7, 7(t2)
        lb      s8, 8(t2)
        lw      t3, RECORD_BIAS(t1)
        lw      t0, RECORD_BIAS + 4(t1)
        lw      t2, RECORD_BIAS + 12(t1)
        lw      t1, RECORD_BIAS + 8(t1)
        sw      t3, ROW_BIAS(sp)
        add     ra, ra, a1
        slide_\stride \rule
8:      lw      a0, ROW_PLANES(sp)      /* the next channel */
        lw      a1, ROW_OUTPUT(sp)
        lw      t1, ROW_RECORD(sp)
        lw      t2, ROW_LEFT(sp)
        addi    a0, a0, PLANE_BYTES
        addi    a1, a1, 1
        addi    t1, t1, RECORD_BYTES
        addi    t2, t2, -1
        sw      t1, ROW_RECORD(sp)
        sw      t2, ROW_LEFT(sp)
        beqz    t2, 9f
        j       2b
9:      leave
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

/* plr_scalar_dots: 59 for 16 products.
 *
 *   a0 sums   a1 values   a2, a5-a7 rows of weights   a4 chunks   t0-t3 sums   t4 a value   t5 a weight */
        .macro  dot place, row, sum
        lb      t5, \place(\row)
        mul     t5, t5, t4
        add     \sum, \sum, t5
        .endm

        function plr_scalar_dots
        add     a5, a2, a3
        add     a6, a5, a3
        add     a7, a6, a3
        lw      t0, 0(a0)
        lw      t1, 4(a0)
        lw      t2, 8(a0)
        lw      t3, 12(a0)
1:
        .irp    place, 0, 1, 2, 3
        lb      t4, \place(a1)
        dot     \place, a2, t0
        dot     \place, a5, t1
        dot     \place, a6, t2
        dot     \place, a7, t3
        .endr
        addi    a1, a1, 4
        addi    a2, a2, 4
        addi    a5, a5, 4
        addi    a6, a6, 4
        addi    a7, a7, 4
        addi    a4, a4, -1
        bnez    a4, 1b
        sw      t0, 0(a0)
        sw      t1, 4(a0)
        sw      t2, 8(a0)
        sw      t3, 12(a0)
        ret

/* plr_scalar_add_run: 24 for an element, at least 2 of them to saturate it.
 *
 *   a0 sums   a1, a2 values   a3 end   a4, a5 tables   t0-t2 finish   t3, t4, t6, a6 temporaries   t5 255 */
        .set    TABLE_WORDS_BYTES, 1024

        function plr_scalar_add_run
        add     a3, a3, a0
        addi    a5, a4, TABLE_WORDS_BYTES
        addi    a7, a5, TABLE_WORDS_BYTES
        lw      t1, 0(a7)
        lw      t0, 4(a7)
        lw      t2, 8(a7)
        li      t5, 255
1:      lbu     t6, 0(a1)
        lbu     a6, 0(a2)
        addi    a1, a1, 1
        slli    t6, t6, 2
        slli    a6, a6, 2
        add     t6, t6, a4
        add     a6, a6, a5
        lw      t6, 0(t6)
        lw      a6, 0(a6)
        addi    a2, a2, 1
        add     t6, t6, a6
        slli    t3, t6, 1               /* doubled already */
        mulh    t3, t3, t1
        srai    t4, t6, 31
        add     t4, t4, t0
        addi    t3, t3, 1
        srai    t3, t3, 1
        add     t3, t3, t4
        sra     t6, t3, t2
        saturate t6
        sb      t6, 0(a0)
        addi    a0, a0, 1
        bne     a0, a3, 1b
        ret

#endif
#if defined(__linux__)
        .section .note.GNU-stack, "", %progbits
#endif
