// SPDX-License-Identifier: MIT
/* Elements as numbers. */
#include <math.h>
#include <qemu-device/kernels/nk.h>
#include "hostop.h"

unsigned int hostop_size(uint32_t dtype)
{
	static const uint16_t sizes[NEURON_NEFF_NUM_DTYPES] = {
		[NEURON_NEFF_F32] = 4, [NEURON_NEFF_BF16] = 2, [NEURON_NEFF_F16] = 2,
		[NEURON_NEFF_I8] = 1, [NEURON_NEFF_U8] = 1, [NEURON_NEFF_I32] = 4,
		[NEURON_NEFF_I64] = 8, [NEURON_NEFF_BOOL] = 1, [NEURON_NEFF_F64] = 8,
		[NEURON_NEFF_I16] = 2, [NEURON_NEFF_U16] = 2, [NEURON_NEFF_U32] = 4,
		[NEURON_NEFF_U64] = 8, [NEURON_NEFF_STRING] = NEURON_NEFF_STRING_SIZE,
	};

	return dtype < NEURON_NEFF_NUM_DTYPES ? sizes[dtype] : 0;
}

bool hostop_is_float(uint32_t dtype)
{
	return dtype == NEURON_NEFF_F32 || dtype == NEURON_NEFF_F64 ||
	       dtype == NEURON_NEFF_F16 || dtype == NEURON_NEFF_BF16;
}

double hostop_double(uint32_t dtype, const void *data, int64_t index)
{
	switch (dtype) {
	case NEURON_NEFF_F32:
		return ((const float *)data)[index];
	case NEURON_NEFF_F64:
		return ((const double *)data)[index];
	case NEURON_NEFF_F16:
		return nk_f16_to_f32(((const uint16_t *)data)[index]);
	case NEURON_NEFF_BF16:
		return nk_bf16_to_f32(((const uint16_t *)data)[index]);
	case NEURON_NEFF_U64:
		return (double)((const uint64_t *)data)[index];
	default:
		return (double)hostop_int(dtype, data, index);
	}
}

/* What a C cast leaves undefined, saturates; NaN is 0. */
static int64_t to_int(double x)
{
	if (!(x == x))
		return 0;
	if (x >= 0x1p63)
		return INT64_MAX;
	if (x < -0x1p63)
		return INT64_MIN;
	return (int64_t)x;
}

int64_t hostop_int(uint32_t dtype, const void *data, int64_t index)
{
	switch (dtype) {
	case NEURON_NEFF_I64:
	case NEURON_NEFF_U64:
		return ((const int64_t *)data)[index];
	case NEURON_NEFF_I32:
		return ((const int32_t *)data)[index];
	case NEURON_NEFF_U32:
		return ((const uint32_t *)data)[index];
	case NEURON_NEFF_I16:
		return ((const int16_t *)data)[index];
	case NEURON_NEFF_U16:
		return ((const uint16_t *)data)[index];
	case NEURON_NEFF_I8:
		return ((const int8_t *)data)[index];
	case NEURON_NEFF_U8:
	case NEURON_NEFF_BOOL:
		return ((const uint8_t *)data)[index];
	case NEURON_NEFF_STRING:
		return 0;
	default:
		return to_int(hostop_double(dtype, data, index));
	}
}

static int64_t clamp_int(uint32_t dtype, int64_t x)
{
	int64_t lo = 0, hi;

	switch (dtype) {
	case NEURON_NEFF_I8:
		lo = INT8_MIN;
		hi = INT8_MAX;
		break;
	case NEURON_NEFF_U8:
		hi = UINT8_MAX;
		break;
	case NEURON_NEFF_I16:
		lo = INT16_MIN;
		hi = INT16_MAX;
		break;
	case NEURON_NEFF_U16:
		hi = UINT16_MAX;
		break;
	case NEURON_NEFF_I32:
		lo = INT32_MIN;
		hi = INT32_MAX;
		break;
	case NEURON_NEFF_U32:
		hi = UINT32_MAX;
		break;
	default:
		return x;
	}
	return x < lo ? lo : x > hi ? hi : x;
}

void hostop_put_int(uint32_t dtype, void *data, int64_t index, int64_t x)
{
	switch (dtype) {
	case NEURON_NEFF_I64:
	case NEURON_NEFF_U64:
		((int64_t *)data)[index] = x;
		break;
	case NEURON_NEFF_I32:
	case NEURON_NEFF_U32:
		((uint32_t *)data)[index] = (uint32_t)x;
		break;
	case NEURON_NEFF_I16:
	case NEURON_NEFF_U16:
		((uint16_t *)data)[index] = (uint16_t)x;
		break;
	case NEURON_NEFF_I8:
	case NEURON_NEFF_U8:
		((uint8_t *)data)[index] = (uint8_t)x;
		break;
	case NEURON_NEFF_BOOL:
		((uint8_t *)data)[index] = !!x;
		break;
	case NEURON_NEFF_STRING:
		break;
	default:
		hostop_put_double(dtype, data, index, (double)x);
		break;
	}
}

void hostop_put_double(uint32_t dtype, void *data, int64_t index, double x)
{
	switch (dtype) {
	case NEURON_NEFF_F32:
		((float *)data)[index] = (float)x;
		break;
	case NEURON_NEFF_F64:
		((double *)data)[index] = x;
		break;
	case NEURON_NEFF_F16:
		((uint16_t *)data)[index] = nk_f32_to_f16((float)x);
		break;
	case NEURON_NEFF_BF16:
		((uint16_t *)data)[index] = nk_f32_to_bf16((float)x);
		break;
	case NEURON_NEFF_BOOL:
		((uint8_t *)data)[index] = x != 0;
		break;
	case NEURON_NEFF_U64:
		((uint64_t *)data)[index] = x >= 0x1p64 ? UINT64_MAX :
					    x >= 0x1p63 ? (uint64_t)x :
					    x < -0x1p63 ? 0 : (uint64_t)to_int(x);
		break;
	case NEURON_NEFF_STRING:
		break;
	default:
		hostop_put_int(dtype, data, index, clamp_int(dtype, to_int(x)));
		break;
	}
}
