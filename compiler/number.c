// SPDX-License-Identifier: MIT
/* Constant elements as numbers. */
#include <math.h>
#include <string.h>
#include <qemu-device/kernels/nk.h>
#include "graph.h"

double nc_const_double(const struct nc_value *value, int64_t index)
{
	const void *data = value->data;

	switch (value->dtype) {
	case NC_F32:
		return ((const float *)data)[index];
	case NC_F64:
		return ((const double *)data)[index];
	case NC_F16:
		return nk_f16_to_f32(((const uint16_t *)data)[index]);
	case NC_BF16:
		return nk_bf16_to_f32(((const uint16_t *)data)[index]);
	case NC_U64:
		return (double)((const uint64_t *)data)[index];
	default:
		return (double)nc_const_int(value, index);
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

int64_t nc_const_int(const struct nc_value *value, int64_t index)
{
	const void *data = value->data;

	switch (value->dtype) {
	case NC_I64:
	case NC_U64:
		return ((const int64_t *)data)[index];
	case NC_I32:
		return ((const int32_t *)data)[index];
	case NC_U32:
		return ((const uint32_t *)data)[index];
	case NC_I16:
		return ((const int16_t *)data)[index];
	case NC_U16:
		return ((const uint16_t *)data)[index];
	case NC_I8:
		return ((const int8_t *)data)[index];
	case NC_U8:
	case NC_BOOL:
		return ((const uint8_t *)data)[index];
	default:
		return to_int(nc_const_double(value, index));
	}
}

static int64_t clamp_int(enum nc_dtype dtype, int64_t x)
{
	int64_t lo = 0, hi;

	switch (dtype) {
	case NC_I8:
		lo = INT8_MIN;
		hi = INT8_MAX;
		break;
	case NC_U8:
		hi = UINT8_MAX;
		break;
	case NC_I16:
		lo = INT16_MIN;
		hi = INT16_MAX;
		break;
	case NC_U16:
		hi = UINT16_MAX;
		break;
	case NC_I32:
		lo = INT32_MIN;
		hi = INT32_MAX;
		break;
	case NC_U32:
		hi = UINT32_MAX;
		break;
	default:
		return x;
	}
	return x < lo ? lo : x > hi ? hi : x;
}

void nc_put_int(enum nc_dtype dtype, void *data, int64_t index, int64_t x)
{
	switch (dtype) {
	case NC_I64:
	case NC_U64:
		((int64_t *)data)[index] = x;
		break;
	case NC_I32:
	case NC_U32:
		((uint32_t *)data)[index] = (uint32_t)x;
		break;
	case NC_I16:
	case NC_U16:
		((uint16_t *)data)[index] = (uint16_t)x;
		break;
	case NC_I8:
	case NC_U8:
		((uint8_t *)data)[index] = (uint8_t)x;
		break;
	case NC_BOOL:
		((uint8_t *)data)[index] = !!x;
		break;
	default:
		nc_put_double(dtype, data, index, (double)x);
		break;
	}
}

void nc_put_double(enum nc_dtype dtype, void *data, int64_t index, double x)
{
	switch (dtype) {
	case NC_NONE:
		break;
	case NC_F32:
		((float *)data)[index] = (float)x;
		break;
	case NC_F64:
		((double *)data)[index] = x;
		break;
	case NC_F16:
		((uint16_t *)data)[index] = nk_f32_to_f16((float)x);
		break;
	case NC_BF16:
		((uint16_t *)data)[index] = nk_f32_to_bf16((float)x);
		break;
	case NC_BOOL:
		((uint8_t *)data)[index] = x != 0;
		break;
	case NC_U64:
		((uint64_t *)data)[index] = x >= 0x1p64 ? UINT64_MAX :
					    x >= 0x1p63 ? (uint64_t)x :
					    x < -0x1p63 ? 0 : (uint64_t)to_int(x);
		break;
	default:
		nc_put_int(dtype, data, index, clamp_int(dtype, to_int(x)));
		break;
	}
}

bool nc_const_splat(const struct nc_value *value, double *x)
{
	size_t size = nc_dtype_size(value->dtype);
	int64_t n = nc_numel(value);

	if (!value->data || !n)
		return false;
	/* Every element equals its neighbour. */
	if (n > 1 && memcmp(value->data, (const char *)value->data + size,
			    (size_t)(n - 1) * size))
		return false;
	*x = nc_const_double(value, 0);
	return true;
}
