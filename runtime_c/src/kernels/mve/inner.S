/* The inner loops of the MVE variant; inner.h says what each computes, inner_portable.c says it in C. A count is the
 * instructions of one pass. */
#if defined(__ARM_FEATURE_MVE)

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

/* plr_mve_copy: 3 for 16 bytes.
 *
 *   r0 target   r1 source   r2 count */
        function plr_mve_copy
        push    {lr}
        wlstp.8 lr, r2, 2f
1:      vldrb.u8 q0, [r1], #16
        vstrb.8 q0, [r0], #16
        letp    lr, 1b
2:      pop     {pc}

/* plr_mve_spread: 6 for 16 bytes of a patch.
 *
 *   r0, r4 targets   r1, r5 sources   r2 count   r3 patches   r6, r7 strides   VPR bytes left */
        function plr_mve_spread
        push    {r4-r7, lr}
        ldrd    r6, r7, [sp, #20]
1:      vctp.8  r2
        mov     r4, r0
        mov     r5, r1
        dls     lr, r3
2:      vpstt
        vldrbt.u8 q0, [r5]
        vstrbt.8 q0, [r4]
        add     r4, r6
        add     r5, r7
        le      lr, 2b
        adds    r0, #16
        adds    r1, #16
        subs    r2, #16
        bgt     1b
        pop     {r4-r7, pc}

/* plr_mve_clamp_run: 5 for 16 elements.
 *
 *   r0 values   r1 count   r2, q1 minimum   r3, q2 maximum */
        function plr_mve_clamp_run
        push    {lr}
        vdup.8  q1, r2
        vdup.8  q2, r3
        wlstp.8 lr, r1, 2f
1:      vldrb.u8 q0, [r0]
        vmax.s8 q0, q0, q1
        vmin.s8 q0, q0, q2
        vstrb.8 q0, [r0], #16
        letp    lr, 1b
2:      pop     {pc}

/* plr_mve_add_run: 14 for 4 elements.
 *
 *   r0 sums   r1, r2 values   r3 count   r4, r5 tables   r6, r7, r12 finish   q0, q1 values   q2, q3 terms */
        .set    TABLE_BYTES, 1024

        function plr_mve_add_run
        push    {r4-r7, lr}
        ldr     r4, [sp, #20]
        add     r5, r4, #TABLE_BYTES
        add     r6, r5, #TABLE_BYTES
        ldm     r6, {r6, r7, r12}
        wlstp.32 lr, r3, 2f
1:      vldrb.u32 q0, [r1], #4
        vldrb.u32 q1, [r2], #4
        vldrw.u32 q2, [r4, q0, uxtw #2]
        vldrw.u32 q3, [r5, q1, uxtw #2]
        vadd.i32 q2, q2, q3
        vqrdmulh.s32 q2, q2, r6
        vshr.s32 q3, q2, #31
        vadd.i32 q2, q2, q3
        vrshl.s32 q2, r7
        vadd.i32 q2, q2, r12
        vqmovnb.s32 q2, q2
        vqmovnb.s16 q2, q2
        vstrb.32 q2, [r0], #4
        letp    lr, 1b
2:      pop     {r4-r7, pc}

/* Rounding of sums, 4 in a register. Their bias, factor and shift are vectors, or one register each for all. TFLM: the
 * second rounding goes away from zero, so what is below zero is brought down by 1. */
        .macro  round_fixed sums, sign, bias, factor, shift
        vadd.i32 \sums, \sums, \bias
        vqrdmulh.s32 \sums, \sums, \factor
        vshr.s32 \sign, \sums, #31
        vadd.i32 \sums, \sums, \sign
        .ifc    \shift, q6
        vrshl.s32 \sums, \sums, \shift
        .else
        vrshl.s32 \sums, \shift
        .endif
        .endm

        .macro  round_float sums, sign, bias, factor, shift
        vadd.i32 \sums, \sums, \bias
        vcvt.f32.s32 \sums, \sums
        vmul.f32 \sums, \sums, \factor
        vcvtn.s32.f32 \sums, \sums
        .endm

        .macro  round_sums sums, sign, bias, factor, shift
        vadd.i32 \sums, \sums, \bias
        .endm

/* Eight sums from the even registers to q0 and q1: 4. */
        .macro  collect
        vmov    q0[2], q0[0], r0, r4
        vmov    q0[3], q0[1], r2, r6
        vmov    q1[2], q1[0], r8, r12
        vmov    q1[3], q1[1], r10, lr
        .endm

/* Eight rounded values to int8, those of q0 and q1 in turns: 4. */
        .macro  narrow zero_point
        vqmovnb.s32 q0, q0
        vqmovnt.s32 q0, q1
        vqadd.s16 q0, q0, \zero_point
        vqmovnb.s16 q0, q0
        .endm

/* Offsets of the places for `narrow`: 0, second, stride, stride + second, 2 stride, ... */
        .macro  places stride, second
        movs    r0, #0
        vidup.u16 q7, r0, #1
        vshr.u16 q7, q7, #1
        vmul.i16 q7, q7, \stride
        lsl     r0, \second, #16
        vdup.32 q0, r0
        vadd.i16 q7, q7, q0
        .endm

/* plr_mve_pairs_*: two pixels by four output channels, group by group.
 *
 *   r1, r3 the pixels   r5 weights   r7 blocks   r9 zero point, or output stride   r11 output
 *   r0, r2, r4, r6 sums of the first pixel   r8, r10, r12, lr of the second   q0, q1 values   q2, q3 weights
 *   q4 bias   q5 factor   q6 shift   q7 places   VPR lanes of the last block
 *
 * A block, 128 products: 16. A pair and group, 8 outputs: 30 (TFLM), 26 (ONNXRUNTIME) or 18 (sums). A group: 16. */
        .set    WEIGHTS, 0              /* the middle blocks follow */
        .set    MIDDLE, 4
        .set    PIXEL_STEP, 8           /* the end of the pixels follows */
        .set    PIXELS_END, 12
        .set    PIXELS, 16              /* the second pixel follows */
        .set    OUTPUT, 24
        .set    OUTPUT_STEP, 28
        .set    GROUPS, 32              /* the last advance follows */
        .set    FRAME_BYTES, 40

        .macro  block accumulate, is_last
        .if     \is_last
        vpstt
        vldrbt.u8 q0, [r1]
        vldrbt.u8 q1, [r3]
        .else
        vldrb.u8 q0, [r1], #16
        vldrb.u8 q1, [r3], #16
        .endif
        vldrb.u8 q2, [r5], #16
        vmladav\accumulate\().s8 r0, q0, q2
        vmladav\accumulate\().s8 r8, q1, q2
        vldrb.u8 q3, [r5], #16
        vmladav\accumulate\().s8 r2, q0, q3
        vmladav\accumulate\().s8 r10, q1, q3
        vldrb.u8 q2, [r5], #16
        vmladav\accumulate\().s8 r4, q0, q2
        vmladav\accumulate\().s8 r12, q1, q2
        vldrb.u8 q3, [r5], #16
        vmladav\accumulate\().s8 r6, q0, q3
        vmladav\accumulate\().s8 lr, q1, q3
        .endm

        .macro  store_pair_fixed
        narrow  r9
        vstrb.16 q0, [r11, q7]
        .endm

        .macro  store_pair_float
        store_pair_fixed
        .endm

        .macro  store_pair_sums
        add     r0, r11, r9
        vstrw.32 q0, [r11, q7, uxtw #2]
        vstrw.32 q1, [r0, q7, uxtw #2]
        .endm

/* Places of the channels of a pair, of which r12 is the last: those beyond it have its place, and its value. */
        .macro  pair_places bits
        movs    r0, #0
        vidup.u\bits q7, r0, #1
        .if     \bits == 16
        vshr.u16 q7, q7, #1
        .endif
        vdup.\bits q0, r12
        vmin.u\bits q7, q7, q0
        .if     \bits == 16
        lsl     r0, r4, #16
        vdup.32 q0, r0
        vadd.i16 q7, q7, q0
        .endif
        .endm

/* All groups, for taps of a number of blocks. */
        .macro  groups rule, blocks, element_bytes
1:      vldrw.u32 q4, [r5], #16         /* a group */
        .ifnc   \rule, sums
        vldrw.u32 q5, [r5], #16
        vldrw.u32 q6, [r5], #16
        .else
        adds    r5, #32
        .endif
        str     r5, [sp, #WEIGHTS]
        ldrd    r1, r3, [sp, #PIXELS]
        ldr     r11, [sp, #OUTPUT]
2:                                      /* a pair */
        .ifc    \blocks, many
        ldrd    r5, r7, [sp, #WEIGHTS]
        block   , 0
3:      block   a, 0
        subs    r7, #1
        bne     3b
        block   a, 1
        .endif
        .ifc    \blocks, two
        ldr     r5, [sp, #WEIGHTS]
        block   , 0
        block   a, 1
        .endif
        .ifc    \blocks, one
        ldr     r5, [sp, #WEIGHTS]
        block   , 1
        .endif
        collect
        round_\rule q0, q2, q4, q5, q6
        round_\rule q1, q3, q4, q5, q6
        store_pair_\rule
        ldrd    r0, r2, [sp, #PIXEL_STEP]
        ldr     r4, [sp, #OUTPUT_STEP]
        add     r1, r0
        add     r3, r0
        add     r11, r4
        cmp     r1, r2
        bne     2b
        ldrd    r0, r2, [sp, #GROUPS]
        ldr     r4, [sp, #OUTPUT]
        subs    r0, #1
        beq     9f
        cmp     r0, #1
        ite     eq
        addeq   r4, r2
        addne   r4, #4 * \element_bytes
        str     r4, [sp, #OUTPUT]
        str     r0, [sp, #GROUPS]
        b       1b
        .endm

        .macro  pairs rule, element_bytes, place_bits
        function plr_mve_pairs_\rule
        push    {r4-r11, lr}
        vpush   {d8-d15}
        sub     sp, #FRAME_BYTES
        ldm     r0, {r1-r12}
        pair_places \place_bits
        str     r3, [sp, #OUTPUT]
        strd    r6, r7, [sp, #GROUPS]
        lsl     r12, r4, #1
        str     r12, [sp, #OUTPUT_STEP]
        add     r0, r1, r2
        strd    r1, r0, [sp, #PIXELS]
        lsl     r12, r2, #1
        mla     r11, r11, r12, r1
        sub     r0, r8, #1
        sub     r12, r12, r0, lsl #4
        strd    r12, r11, [sp, #PIXEL_STEP]
        sub     r0, r8, #2
        str     r0, [sp, #MIDDLE]
        vctp.8  r9
        .ifc    \rule, sums
        mov     r9, r4
        .else
        mov     r9, r10
        .endif
        cmp     r8, #2
        blo     5f
        beq     4f
        groups  \rule, many, \element_bytes
4:      groups  \rule, two, \element_bytes
5:      groups  \rule, one, \element_bytes
9:      add     sp, #FRAME_BYTES
        vpop    {d8-d15}
        pop     {r4-r11, pc}
        .endm

        pairs   fixed, 1, 16
        pairs   float, 1, 16
        pairs   sums, 4, 32

/* plr_mve_single_*: one pixel by four output channels, group by group.
 *
 *   r1 the pixel   r3 output   r5 weights   r7 whole blocks   r9 zero point   r8 groups   r10 last advance   r11 pixel
 *   r0, r2, r4, r6 sums   lr blocks left   q0 values   q1, q2 weights   q3 sign   q4 bias   q5 factor   q6 shift
 *   VPR lanes of the last block
 *
 * A block, 64 products: 10. A group, 4 outputs: 36 (TFLM). */
        .macro  single_block
        vldrb.u8 q1, [r5], #16
        vmladava.s8 r0, q0, q1
        vldrb.u8 q2, [r5], #16
        vmladava.s8 r2, q0, q2
        vldrb.u8 q1, [r5], #16
        vmladava.s8 r4, q0, q1
        vldrb.u8 q2, [r5], #16
        vmladava.s8 r6, q0, q2
        .endm

        .macro  store_single_fixed
        vqmovnb.s32 q0, q0
        vqadd.s16 q0, q0, r9
        vqmovnb.s16 q0, q0
        vstrb.32 q0, [r3]
        .endm

        .macro  store_single_float
        store_single_fixed
        .endm

        .macro  store_single_sums
        vstrw.32 q0, [r3]
        .endm

        .macro  single rule, element_bytes
        function plr_mve_single_\rule
        push    {r4-r11, lr}
        vpush   {d8-d15}
        ldm     r0, {r1-r10}
        vctp.8  r9
        mov     r9, r10
        mov     r10, r7
        sub     r7, r8, #1
        mov     r8, r6
        mov     r11, r1
1:      vldrw.u32 q4, [r5], #16
        vldrw.u32 q5, [r5], #16
        vldrw.u32 q6, [r5], #16
        mov     r1, r11
        movs    r0, #0
        movs    r2, #0
        movs    r4, #0
        movs    r6, #0
        wls     lr, r7, 3f
2:      vldrb.u8 q0, [r1], #16
        single_block
        le      lr, 2b
3:      vpst
        vldrbt.u8 q0, [r1]
        single_block
        vmov    q0[2], q0[0], r0, r4
        vmov    q0[3], q0[1], r2, r6
        round_\rule q0, q3, q4, q5, q6
        store_single_\rule
        subs    r8, #1
        beq     4f
        cmp     r8, #1
        ite     eq
        addeq   r3, r10
        addne   r3, #4 * \element_bytes
        b       1b
4:      vpop    {d8-d15}
        pop     {r4-r11, pc}
        .endm

        single  fixed, 1
        single  float, 1
        single  sums, 4

/* plr_mve_planar: 9 for 16 elements.
 *
 *   r0 words   r1, r2 pixels   r4, r5 their strides   q0, q1 values   q2 planes   VPR lanes of the channels */
        .set    PLANE_BYTES, 512

        function plr_mve_planar
        push    {r4-r6, lr}
        ldrd    r4, r5, [sp, #16]
        ldr     r6, [sp, #24]
        vctp.16 r6
        movs    r6, #0
        vidup.u16 q2, r6, #1
        mov     r6, #PLANE_BYTES
        vmul.i16 q2, q2, r6
        wls     lr, r3, 2f
1:      vpstt
        vldrbt.u16 q0, [r1]
        vldrbt.u16 q1, [r2]
        vsli.16 q0, q1, #8
        vstrh.16 q0, [r0, q2]
        add     r1, r4
        add     r2, r5
        adds    r0, #4
        le      lr, 1b
2:      pop     {r4-r6, pc}

/* plr_mve_windows_*: eight outputs of one channel at a time, its weights in registers: two rows of four columns, or one
 * row of eight.
 *
 *   r1 columns   r3 output   r5 bias   r7 factor   r9 shift   r11 zero point   r0, r2, r4, r6, r8, r10, r12, lr sums
 *   q0, q1 values   q2, q3 signs   q4 weights   q5 the same one row down   q7 places   VPR lanes of the last outputs
 *
 * Eight outputs, 72 products: 12 or 16, and 23 (TFLM) or 21 (ONNXRUNTIME) for the rest. A channel: 27, 4 more with
 * outputs left over. */
        .set    END, 0                  /* the output step follows */
        .set    OUTPUT_STEP, 4
        .set    PLANE, 8                /* its output follows */
        .set    CHANNEL, 16             /* the channels' end follows */
        .set    WIDTH, 24               /* the turn follows */
        .set    REST, 32
        .set    WINDOW_FRAME_BYTES, 40

        .macro  column first, second, sum, other, step, is_pair
        vldrw.u32 \first, [r1], #4 * \step
        vmladav.s8 \sum, \first, q4
        .if     \is_pair
        vmladav.s8 \other, \first, q5
        .else
        vldrw.u32 \second, [r1], #4 * \step
        vmladav.s8 \other, \second, q4
        .endif
        .endm

        .macro  outputs rule, step, is_pair
        .if     \is_pair
        column  q0, q1, r0, r8, \step, 1
        column  q1, q0, r2, r10, \step, 1
        column  q0, q1, r4, r12, \step, 1
        column  q1, q0, r6, lr, \step, 1
        .else
        column  q0, q1, r0, r2, \step, 0
        column  q0, q1, r4, r6, \step, 0
        column  q0, q1, r8, r10, \step, 0
        column  q0, q1, r12, lr, \step, 0
        .endif
        collect
        round_\rule q0, q2, r5, r7, r9
        round_\rule q1, q3, r5, r7, r9
        narrow  r11
        .endm

        .macro  windows rule, name, step, is_pair
        function plr_mve_windows_\rule\()_\name
        push    {r4-r11, lr}
        vpush   {d8-d15}
        sub     sp, #WINDOW_FRAME_BYTES
        ldm     r0, {r1-r10}
        strd    r1, r2, [sp, #PLANE]
        strd    r3, r4, [sp, #CHANNEL]
        strd    r5, r7, [sp, #WIDTH]
        str     r6, [sp, #REST]
        places  r8, r9
        vmsr    p0, r6
        mov     r11, r10
        .if     \is_pair
        lsl     r8, #2
        .else
        lsl     r8, #3
        .endif
        str     r8, [sp, #OUTPUT_STEP]
1:      ldr     r4, [sp, #CHANNEL]
        ldrd    r1, r3, [sp, #PLANE]
        ldrd    r0, r2, [sp, #WIDTH]
        vldrw.u32 q4, [r4], #16
        ldm     r4!, {r5, r7, r9}
        str     r4, [sp, #CHANNEL]
        add     r0, r1
        str     r0, [sp, #END]
        .if     \is_pair
        vshl.i32 q5, q4, #8
        .endif
        cmp     r2, #0
        beq     3f
        vrev32.16 q4, q4
        .if     \is_pair
        vrev32.16 q5, q5
        .endif
        b       3f
2:      outputs \rule, \step, \is_pair
        vstrb.16 q0, [r3, q7]
        ldr     r2, [sp, #OUTPUT_STEP]
        add     r3, r2
3:      ldr     r0, [sp, #END]
        cmp     r1, r0
        blo     2b
        ldr     r0, [sp, #REST]
        cmp     r0, #0
        beq     4f
        outputs \rule, \step, \is_pair
        vpst
        vstrbt.16 q0, [r3, q7]
4:      ldrd    r1, r3, [sp, #PLANE]
        add     r1, #PLANE_BYTES
        adds    r3, #1
        strd    r1, r3, [sp, #PLANE]
        ldrd    r0, r2, [sp, #CHANNEL]
        cmp     r0, r2
        bne     1b
        add     sp, #WINDOW_FRAME_BYTES
        vpop    {d8-d15}
        pop     {r4-r11, pc}
        .endm

        .macro  all_windows rule
        windows \rule, rows, 1, 1
        windows \rule, row, 1, 0
        windows \rule, strided, 2, 0
        .endm

        all_windows fixed
        all_windows float

#endif
#if defined(__linux__)
        .section .note.GNU-stack, "", %progbits
#endif
