// SPDX-License-Identifier: MIT
/* Unary operators as functions of the chip. */
#include <float.h>
#include <math.h>
#include <string.h>
#include "front.h"

static bool clip_act(const struct nc_node *node, float *alpha, float *beta)
{
	const struct nc_value *min = nc_in(node, 1), *max = nc_in(node, 2);

	if ((min && !nc_is_const(min)) || (max && !nc_is_const(max)))
		return false;
	*alpha = min ? (float)nc_const_double(min, 0) : -INFINITY;
	*beta = max ? (float)nc_const_double(max, 0) : INFINITY;
	return true;
}

bool nc_unary_act(const struct nc_node *node, enum neuron_act *act,
		  float *alpha, float *beta)
{
	const char *approximate;

	*alpha = 0;
	*beta = 0;
	switch (node->op) {
	case NC_OP_Relu:
		*act = NEURON_ACT_RELU;
		return true;
	case NC_OP_Clip:
		*act = NEURON_ACT_CLIP;
		return clip_act(node, alpha, beta);
	case NC_OP_LeakyRelu:
		*act = NEURON_ACT_LEAKY_RELU;
		*alpha = nc_attr_float(node, "alpha", 0.01f);
		return true;
	case NC_OP_Sigmoid:
		*act = NEURON_ACT_SIGMOID;
		return true;
	case NC_OP_Tanh:
		*act = NEURON_ACT_TANH;
		return true;
	case NC_OP_Exp:
		*act = NEURON_ACT_EXP;
		return true;
	case NC_OP_Log:
		*act = NEURON_ACT_LOG;
		return true;
	case NC_OP_Sqrt:
		*act = NEURON_ACT_SQRT;
		return true;
	case NC_OP_Reciprocal:
		*act = NEURON_ACT_RECIPROCAL;
		return true;
	case NC_OP_Erf:
		*act = NEURON_ACT_ERF;
		return true;
	case NC_OP_Gelu:
		approximate = nc_attr_string(node, "approximate", "none");
		*act = strcmp(approximate, "tanh") ? NEURON_ACT_GELU :
						     NEURON_ACT_GELU_TANH;
		return true;
	case NC_OP_Elu:
		*act = NEURON_ACT_ELU;
		*alpha = nc_attr_float(node, "alpha", 1);
		return true;
	case NC_OP_Selu:
		*act = NEURON_ACT_SELU;
		*alpha = nc_attr_float(node, "alpha", 1.67326319217681884765625f);
		*beta = nc_attr_float(node, "gamma", 1.05070102214813232421875f);
		return true;
	case NC_OP_Softplus:
		*act = NEURON_ACT_SOFTPLUS;
		return true;
	case NC_OP_Softsign:
		*act = NEURON_ACT_SOFTSIGN;
		return true;
	case NC_OP_HardSigmoid:
		*act = NEURON_ACT_HARDSIGMOID;
		*alpha = nc_attr_float(node, "alpha", 0.2f);
		*beta = nc_attr_float(node, "beta", 0.5f);
		return true;
	case NC_OP_HardSwish:
		*act = NEURON_ACT_HARDSWISH;
		return true;
	case NC_OP_Mish:
		*act = NEURON_ACT_MISH;
		return true;
	case NC_OP_ThresholdedRelu:
		*act = NEURON_ACT_THRESHOLD;
		*alpha = nc_attr_float(node, "alpha", 1);
		return true;
	case NC_OP_Abs:
		*act = NEURON_ACT_ABS;
		return true;
	case NC_OP_Neg:
		*act = NEURON_ACT_NEG;
		return true;
	case NC_OP_Sign:
		*act = NEURON_ACT_SIGN;
		return true;
	case NC_OP_Floor:
		*act = NEURON_ACT_FLOOR;
		return true;
	case NC_OP_Ceil:
		*act = NEURON_ACT_CEIL;
		return true;
	case NC_OP_Round:
		*act = NEURON_ACT_ROUND;
		return true;
	case NC_OP_Sin:
		*act = NEURON_ACT_SIN;
		return true;
	case NC_OP_Cos:
		*act = NEURON_ACT_COS;
		return true;
	case NC_OP_Atan:
		*act = NEURON_ACT_ATAN;
		return true;
	case NC_OP_Not:
		*act = NEURON_ACT_NOT;
		return true;
	default:
		return false;
	}
}
