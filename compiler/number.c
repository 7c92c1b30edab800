// SPDX-License-Identifier: MIT
/* Constant elements as numbers: the host's operators know how. */
#include <string.h>
#include <hostops/hostop.h>
#include "host.h"

unsigned int nc_dtype_to_neff(enum nc_dtype dtype)
{
	static const uint8_t map[NC_NUM_DTYPES] = {
		[NC_NONE] = NEURON_NEFF_STRING,	/* no number either */
		[NC_F32] = NEURON_NEFF_F32, [NC_BF16] = NEURON_NEFF_BF16,
		[NC_F16] = NEURON_NEFF_F16, [NC_I8] = NEURON_NEFF_I8,
		[NC_U8] = NEURON_NEFF_U8, [NC_I32] = NEURON_NEFF_I32,
		[NC_I64] = NEURON_NEFF_I64, [NC_BOOL] = NEURON_NEFF_BOOL,
		[NC_F64] = NEURON_NEFF_F64, [NC_I16] = NEURON_NEFF_I16,
		[NC_U16] = NEURON_NEFF_U16, [NC_U32] = NEURON_NEFF_U32,
		[NC_U64] = NEURON_NEFF_U64, [NC_STRING] = NEURON_NEFF_STRING,
	};

	return map[dtype];
}

double nc_const_double(const struct nc_value *value, int64_t index)
{
	return hostop_double(nc_dtype_to_neff(value->dtype), value->data, index);
}

int64_t nc_const_int(const struct nc_value *value, int64_t index)
{
	return hostop_int(nc_dtype_to_neff(value->dtype), value->data, index);
}

void nc_put_int(enum nc_dtype dtype, void *data, int64_t index, int64_t x)
{
	hostop_put_int(nc_dtype_to_neff(dtype), data, index, x);
}

void nc_put_double(enum nc_dtype dtype, void *data, int64_t index, double x)
{
	hostop_put_double(nc_dtype_to_neff(dtype), data, index, x);
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
