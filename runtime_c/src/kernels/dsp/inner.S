/* The inner loops of the DSP variant; inner.h says what each computes, inner_portable.c says it in C. A count is the
 * instructions of one pass. */
#if defined(__ARM_FEATURE_DSP)

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

/* plr_dsp_expand: 15 for 16 elements.
 *
 *   r0 expanded   r1-r3, r12 pixels   lr chunks   r4-r11 the words of a chunk */
        function plr_dsp_expand
        push    {r4-r11, lr}
        mov     lr, r2
        ldm     r1, {r1, r2, r3, r12}
1:      ldr     r4, [r1], #4
        ldr     r5, [r2], #4
        ldr     r6, [r3], #4
        ldr     r7, [r12], #4
        sxtb16  r8, r4, ror #8
        sxtb16  r9, r5, ror #8
        sxtb16  r10, r6, ror #8
        sxtb16  r11, r7, ror #8
        sxtb16  r4, r4
        sxtb16  r5, r5
        sxtb16  r6, r6
        sxtb16  r7, r7
        stm     r0!, {r4-r11}
        subs    lr, #1
        bne     1b
        pop     {r4-r11, pc}

/* plr_dsp_widen: 7 for 4 elements.
 *
 *   r0 widened   r1 pixel   r2 chunks   r3, r12 the words of a chunk */
        function plr_dsp_widen
1:      ldr     r12, [r1], #4
        sxtb16  r3, r12
        sxtb16  r12, r12, ror #8
        strd    r3, r12, [r0], #8
        subs    r2, #1
        bne     1b
        bx      lr

/* plr_dsp_dots: 44 for 32 products, half of them at first where the chunks are odd.
 *
 *   r0 chunks   r1 widened   r2, r4-r6 rows of weights   r7-r10 sums   r3, r11 values   r12, lr weights */
        .macro  dots row, sum
        ldr     r12, [\row], #4
        sxtb16  lr, r12
        sxtb16  r12, r12, ror #8
        smlad   \sum, r3, lr, \sum
        smlad   \sum, r11, r12, \sum
        .endm

        function plr_dsp_dots
        push    {r0, r4-r11, lr}
        ldr     r0, [sp, #40]
        add     r4, r2, r3
        add     r5, r4, r3
        add     r6, r5, r3
        movs    r7, #0
        mov     r8, #0
        mov     r9, #0
        mov     r10, #0
        lsrs    r0, #1
        bcc     1f
        adds    r0, #1
        b       2f
1:      ldrd    r3, r11, [r1], #8
        dots    r2, r7
        dots    r4, r8
        dots    r5, r9
        dots    r6, r10
2:      ldrd    r3, r11, [r1], #8
        dots    r2, r7
        dots    r4, r8
        dots    r5, r9
        dots    r6, r10
        subs    r0, #1
        bne     1b
        pop     {r0}
        stm     r0, {r7-r10}
        pop     {r4-r11, pc}

/* plr_dsp_clamp_words: 8 for 4 elements.
 *
 *   r0 values   r1 words   r2 minimum   r3 maximum   r12 a word */
        function plr_dsp_clamp_words
        push    {r4, lr}
1:      ldr     r12, [r0]
        ssub8   r4, r12, r2
        sel     r12, r12, r2
        ssub8   r4, r3, r12
        sel     r12, r12, r3
        str     r12, [r0], #4
        subs    r1, #1
        bne     1b
        pop     {r4, pc}

/* Requantisation of a doubled sum, TFLM: 4. The addend holds half of 2^shift and the zero point; subtracting 1 below
 * zero makes the second rounding go away from zero there. */
        .macro  round_fixed sum, factor, addend, shift, temporary
        add     \temporary, \addend, \sum, asr #31
        smmlar  \sum, \sum, \factor, \temporary
        asr     \sum, \sum, \shift
        ssat    \sum, #8, \sum
        .endm

/* Requantisation of two sums, ONNXRUNTIME: 12. */
        .macro  round_float sum1, sum2, factor1, factor2, zero_point
        vmov    s0, s1, \sum1, \sum2
        vcvt.f32.s32 s0, s0
        vcvt.f32.s32 s1, s1
        vmul.f32 s0, s0, \factor1
        vmul.f32 s1, s1, \factor2
        vcvtr.s32.f32 s0, s0
        vcvtr.s32.f32 s1, s1
        vmov    \sum1, \sum2, s0, s1
        add     \sum1, \sum1, \zero_point
        add     \sum2, \sum2, \zero_point
        ssat    \sum1, #8, \sum1
        ssat    \sum2, #8, \sum2
        .endm

/* plr_dsp_add_run: 14 for an element.
 *
 *   r0 sums   r1, r2 values   r3 count   r4, r5 tables   r6-r8 finish   r9, r10 terms */
        .set    TABLE_WORDS_BYTES, 1024

        function plr_dsp_add_run
        push    {r4-r10, lr}
        ldr     r4, [sp, #32]
        add     r5, r4, #TABLE_WORDS_BYTES
        add     r6, r5, #TABLE_WORDS_BYTES
        ldm     r6, {r6-r8}
1:      ldrb    r9, [r1], #1
        ldrb    r10, [r2], #1
        ldr     r9, [r4, r9, lsl #2]
        ldr     r10, [r5, r10, lsl #2]
        add     r9, r10
        round_fixed r9, r6, r7, r8, r10
        strb    r9, [r0], #1
        subs    r3, #1
        bne     1b
        pop     {r4-r10, pc}

/* plr_dsp_pairs_*: four pixels by two output channels.
 *
 * A half of a weight word is w + 256 w', of the two channels' weights. One SMLAD adds the first channel's sum + 256
 * times the second's to R; another, with the low bytes alone, the first channel's sum to A; R - A parts them.
 *
 *   r0 expanded   r1 groups   r2, r3 values of two pixels   r12 weights   lr their low bytes
 *   r4-r7 A of the four pixels   r8-r11 R of the four pixels
 *
 * A step, 16 products: 12. 16 steps: 3. A group, 8 outputs: 29, and 34 (TFLM) or 53 (ONNXRUNTIME) to round. */
        .set    OUTPUT, 0               /* the other pixels' offsets follow */
        .set    GROUPS_END, 16
        .set    EXPANDED, 20
        .set    EXPANDED_END, 24
        .set    ENTRY, 28
        .set    ZEROS, 32
        .set    FRAME_BYTES, 64
        .set    STEPS, 16
        .set    STEP_CODE_BYTES, 48
        .set    STEP_VALUES_BITS, 4

        .macro  part_fixed low, both
        sub     \both, \both, \low
        add     \low, r2, \low, lsl #1
        add     \both, r3, \both, asr #7
        .endm

        .macro  part_float low, both
        sub     \both, \both, \low
        add     \low, r2, \low
        add     \both, r3, \both, asr #8
        .endm

        .macro  finish_fixed
        .irp    sum, r4, r5, r6, r7
        round_fixed \sum, r2, r3, r12, lr
        .endr
        ldm     r1!, {r2, r3, r12}
        .irp    sum, r8, r9, r10, r11
        round_fixed \sum, r2, r3, r12, lr
        .endr
        .endm

        .macro  finish_float
        vmov    s2, r2
        round_float r4, r5, s2, s2, r3
        round_float r6, r7, s2, s2, r3
        ldm     r1!, {r2, r3, r12}
        vmov    s2, r2
        round_float r8, r9, s2, s2, r3
        round_float r10, r11, s2, s2, r3
        .endm

        .macro  pairs rule
        function plr_dsp_pairs_\rule
        push    {r4-r11, lr}
        sub     sp, #FRAME_BYTES
        ldm     r0, {r0-r7}
        stm     sp, {r2-r6}
        str     r0, [sp, #EXPANDED]
        str     r7, [sp, #EXPANDED_END]
        sub     r7, r0, r7              /* - steps, which modulo STEPS is the number of steps to enter behind */
        ubfx    r7, r7, #STEP_VALUES_BITS, #4
        mov     r3, #STEP_CODE_BYTES
        adr.w   r2, 2f
        mla     r2, r7, r3, r2
        orr     r2, #1
        str     r2, [sp, #ENTRY]
        movs    r2, #0
        movs    r3, #0
        strd    r2, r3, [sp, #ZEROS]
        strd    r2, r3, [sp, #ZEROS + 8]
        strd    r2, r3, [sp, #ZEROS + 16]
        strd    r2, r3, [sp, #ZEROS + 24]
1:      add     r2, sp, #ZEROS
        ldm     r2, {r4-r11}
        ldr     r2, [sp, #ENTRY]
        bx      r2
        .balign 4
2:
        .rept   STEPS
        ldr     r12, [r1], #4
        ldrd    r2, r3, [r0], #8
        sxtb16  lr, r12
        smlad   r8, r2, r12, r8
        smlad   r4, r2, lr, r4
        smlad   r9, r3, r12, r9
        smlad   r5, r3, lr, r5
        ldrd    r2, r3, [r0], #8
        smlad   r10, r2, r12, r10
        smlad   r6, r2, lr, r6
        smlad   r11, r3, r12, r11
        smlad   r7, r3, lr, r7
        .endr
3:      .if     3b - 2b - STEPS * STEP_CODE_BYTES
        .error  "a step has another size"
        .endif
        ldr     r2, [sp, #EXPANDED_END]
        cmp     r0, r2
        bne     2b
        ldrd    r2, r3, [r1], #8
        part_\rule r4, r8
        part_\rule r5, r9
        part_\rule r6, r10
        part_\rule r7, r11
        ldm     r1!, {r2, r3, r12}
        finish_\rule
        bfi     r4, r8, #8, #8
        bfi     r5, r9, #8, #8
        bfi     r6, r10, #8, #8
        bfi     r7, r11, #8, #8
        ldm     sp, {r0, r2, r3, lr}
        strh    r4, [r0]
        strh    r5, [r0, r2]
        strh    r6, [r0, r3]
        strh    r7, [r0, lr]
        add     r0, r0, r12, lsr #8
        str     r0, [sp, #OUTPUT]
        ldrd    r2, r0, [sp, #GROUPS_END]
        cmp     r1, r2
        bne     1b
        add     sp, #FRAME_BYTES
        pop     {r4-r11, pc}
        .endm

        pairs   fixed
        pairs   float

/* plr_dsp_planar: 15 for 8 elements.
 *
 *   r0 line   r1 pixels   r2 stride   r3 pairs   r4-r7 the words of a pair of pixels */
        .set    LINE_BYTES, 256
        .set    PLANE_BYTES, 3 * LINE_BYTES

        function plr_dsp_planar
        push    {r4-r7, lr}
1:      ldr     r4, [r1]
        ldr     r5, [r1, r2]
        add     r1, r1, r2, lsl #1
        pkhbt   r6, r4, r5, lsl #16     /* channels 0 and 1 of both pixels */
        pkhtb   r7, r5, r4, asr #16     /* channels 2 and 3 */
        sxtb16  r4, r6
        sxtb16  r6, r6, ror #8
        sxtb16  r5, r7
        sxtb16  r7, r7, ror #8
        str     r6, [r0, #PLANE_BYTES]
        str     r5, [r0, #2 * PLANE_BYTES]
        str     r7, [r0, #3 * PLANE_BYTES]
        str     r4, [r0], #4
        subs    r3, #1
        bne     1b
        pop     {r4-r7, pc}

/* plr_dsp_row_*: two neighbouring outputs of one channel at a time, its weights in registers.
 *
 *   r0 columns   r1 output   r4-r9 [w0 w1][w1 w2] of the three lines   r10, r11 sums   r12 factor   lr addend
 *   r2, r3 values, and temporaries
 *
 * Two outputs, 18 products: 12 (stride 1) or 15 (stride 2), and 17 (TFLM) or 21 (ONNXRUNTIME) for the rest.
 * A channel: 27, 31 more for an odd column. */
        .set    BIAS, 0
        .set    SHIFT, 4                /* the stride follows */
        .set    STRIDE, 8
        .set    LAST, 12                /* 1 as long as an odd column is due */
        .set    END, 16
        .set    PLANE, 20               /* the output follows */
        .set    PAIRS_BYTES, 28
        .set    CHANNEL, 32             /* channels left, is odd, and the stride follow */
        .set    LEFT, 36
        .set    IS_ODD, 40
        .set    ROW_FRAME_BYTES, 48

/* Products of a line, 4 each: out0 += c0 w0 + c1 w1 + c2 w2, out1 likewise one column on (stride 1). */
        .macro  line_1 at, w01, w12, first
        ldrd    r2, r3, \at
        .if     \first
        smlatb  r11, r2, \w01, r10
        .else
        smlatb  r11, r2, \w01, r11
        .endif
        smlad   r10, r2, \w01, r10
        smlad   r11, r3, \w12, r11
        smlabt  r10, r3, \w12, r10
        .endm

/* The same two columns on, 6 with the fifth column's load (stride 2). */
        .macro  line_2 at, w01, w12, first, fifth
        ldrd    r2, r3, \at
        .if     \first
        smlad   r11, r3, \w01, r10
        .else
        smlad   r11, r3, \w01, r11
        .endif
        smlad   r10, r2, \w01, r10
        smlabt  r10, r3, \w12, r10
        ldr     r2, \fifth
        smlabt  r11, r2, \w12, r11
        .endm

/* All three lines; the first arguments are the weights of line 0, and so on. Line 0 comes last and moves on. */
        .macro  lines_1 a01, a12, b01, b12, c01, c12
        line_1  "[r0, #LINE_BYTES]", \b01, \b12, 1
        line_1  "[r0, #2 * LINE_BYTES]", \c01, \c12, 0
        line_1  "[r0], #4", \a01, \a12, 0
        .endm

        .macro  lines_2 a01, a12, b01, b12, c01, c12
        line_2  "[r0, #LINE_BYTES]", \b01, \b12, 1, "[r0, #LINE_BYTES + 8]"
        line_2  "[r0, #2 * LINE_BYTES]", \c01, \c12, 0, "[r0, #2 * LINE_BYTES + 8]"
        line_2  "[r0], #8", \a01, \a12, 0, "[r0]"
        .endm

        .macro  round_two_fixed
        add     r2, lr, r10, asr #31
        add     r3, lr, r11, asr #31
        smmlar  r10, r10, r12, r2
        smmlar  r11, r11, r12, r3
        ldrd    r2, r3, [sp, #SHIFT]
        asr     r10, r2
        asr     r11, r2
        ssat    r10, #8, r10
        ssat    r11, #8, r11
        .endm

        .macro  round_two_float
        vmov    s2, r12
        round_float r10, r11, s2, s2, lr
        ldr     r3, [sp, #STRIDE]
        .endm

        .macro  row rule, stride, turn, a01, a12, b01, b12, c01, c12
        function plr_dsp_row_\rule\()_\stride\()_\turn
        push    {r4-r11, lr}
        sub     sp, #ROW_FRAME_BYTES
        ldm     r0, {r0-r6}
        add     r7, sp, #PLANE
        stm     r7, {r0-r6}
1:      ldrd    r0, r1, [sp, #PLANE]    /* a channel */
        ldrd    r2, r3, [sp, #PAIRS_BYTES]
        add     r2, r0
        str     r2, [sp, #END]
        ldrd    r2, r4, [sp, #IS_ODD]
        strd    r4, r2, [sp, #STRIDE]
        ldm     r3!, {r4-r9}
        ldm     r3!, {r2, r12, lr}
        str     r2, [sp, #BIAS]
        ldr     r2, [r3], #4
        str     r2, [sp, #SHIFT]
        str     r3, [sp, #CHANNEL]
        b       4f
2:      mov     r3, #0                  /* the odd column: its neighbour is written first, to the same place */
        strd    r3, r3, [sp, #STRIDE]
3:      ldr     r10, [sp, #BIAS]        /* two outputs */
        lines_\stride \a01, \a12, \b01, \b12, \c01, \c12
        round_two_\rule
        strb    r11, [r1, r3]
        strb    r10, [r1]
        add     r1, r1, r3, lsl #1
4:      ldr     r2, [sp, #END]
        cmp     r0, r2
        blo     3b
        ldr     r2, [sp, #LAST]
        cmp     r2, #0
        bne     2b
        ldrd    r0, r1, [sp, #PLANE]
        add     r0, #PLANE_BYTES
        adds    r1, #1
        strd    r0, r1, [sp, #PLANE]
        ldr     r2, [sp, #LEFT]
        subs    r2, #1
        str     r2, [sp, #LEFT]
        bne     1b
        add     sp, #ROW_FRAME_BYTES
        pop     {r4-r11, pc}
        .endm

        .macro  rows rule, stride
        row     \rule, \stride, 0, r4, r5, r6, r7, r8, r9
        row     \rule, \stride, 1, r8, r9, r4, r5, r6, r7
        row     \rule, \stride, 2, r6, r7, r8, r9, r4, r5
        .endm

        rows    fixed, 1
        rows    fixed, 2
        rows    float, 1
        rows    float, 2

        .macro  table rule
        .global plr_dsp_rows_\rule
plr_dsp_rows_\rule:
        .word   plr_dsp_row_\rule\()_1_0, plr_dsp_row_\rule\()_1_1, plr_dsp_row_\rule\()_1_2
        .word   plr_dsp_row_\rule\()_2_0, plr_dsp_row_\rule\()_2_1, plr_dsp_row_\rule\()_2_2
        .endm

        .section .rodata
        .balign 4
        table   fixed
        table   float

#endif
#if defined(__linux__)
        .section .note.GNU-stack, "", %progbits
#endif
