#include "../floating.h"
#include "../rounding.h"

#define LEFT_SHIFT 20

static void add_floats(const plr_call_t *call, const int8_t *first, const int8_t *second, int8_t *output) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_float_addition_t constants =
        plr_float_addition_read((const uint8_t *)plr_call_bytes(call, parameters->quantisation));
    const int32_t offset = plr_unsigned_offset(parameters);
    for (uint32_t channel = 0; channel < call->output.channels; channel++) {
        const double second_product = (double)(second[channel] + offset) * (double)constants.ratio2;
        const float inner = (float)(second_product + (double)constants.bias);
        const double first_product = (double)(first[channel] + offset) * (double)constants.ratio1;
        const float outer = (float)(first_product + (double)inner);
        output[channel] = plr_clamp(parameters, plr_to_integer(outer) - offset);
    }
}

static void add_integers(const plr_call_t *call, const int8_t *first, const int8_t *second, int8_t *output) {
    const plr_parameters_t *parameters = &call->parameters;
    const plr_finish_t finish = plr_call_finish(call);
    const int32_t *factors = finish.factors;
    const bool subtracts = (parameters->flags & PLR_PARAMETERS_FLAG_SUBTRACT) != 0;
    for (uint32_t channel = 0; channel < call->output.channels; channel++) {
        const int32_t raised1 = (first[channel] - parameters->input_zero_point) * (1 << LEFT_SHIFT);
        const int32_t raised2 = (second[channel] - parameters->other_zero_point) * (1 << LEFT_SHIFT);
        const uint32_t scaled1 = (uint32_t)plr_fixed_product(raised1, factors[0], factors[1]);
        const uint32_t scaled2 = (uint32_t)plr_fixed_product(raised2, factors[2], factors[3]);
        output[channel] = plr_finish(&finish, 2, subtracts ? scaled1 - scaled2 : scaled1 + scaled2);
    }
}

void plr_add(const plr_call_t *call) {
    const bool is_float = call->plan->header.arithmetic == PLR_ARITHMETIC_ONNXRUNTIME;
    const plr_box_t first = plr_call_input(call, 0);
    const plr_box_t second = plr_call_input(call, 1);
    for (uint32_t row = 0; row < call->output.rows; row++) {
        const int8_t *values1 = plr_box_values(&first, row);
        const int8_t *values2 = plr_box_values(&second, row);
        int8_t *output = plr_box_output(&call->output, row);
        for (uint32_t column = 0; column < call->output.columns; column++) {
            if (is_float) {
                add_floats(call, values1, values2, output);
            } else {
                add_integers(call, values1, values2, output);
            }
            values1 += first.pixel_stride_bytes;
            values2 += second.pixel_stride_bytes;
            output += call->output.pixel_stride_bytes;
        }
    }
}
