// SPDX-License-Identifier: MIT
#include <string.h>
#include "import.h"

/* The oldest files do not say what kind an attribute is of. */
static Onnx__AttributeProto__AttributeType kind_of(const Onnx__AttributeProto *proto)
{
	if (proto->has_type &&
	    proto->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
		return proto->type;
	if (proto->has_f)
		return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
	if (proto->has_i)
		return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
	if (proto->has_s)
		return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
	if (proto->t)
		return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
	if (proto->g)
		return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
	if (proto->n_floats)
		return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
	if (proto->n_strings)
		return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
	return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
}

static const char *copy_string(struct nc_ctx *ctx, const ProtobufCBinaryData *s)
{
	char *copy = nc_alloc(ctx->arena, s->len + 1, 1);

	if (s->len)
		memcpy(copy, s->data, s->len);
	return copy;
}

static const char *const *copy_strings(struct nc_ctx *ctx,
				       const Onnx__AttributeProto *proto)
{
	const char **strings = nc_alloc(ctx->arena, proto->n_strings,
					sizeof(*strings));
	size_t i;

	for (i = 0; i < proto->n_strings; i++)
		strings[i] = copy_string(ctx, &proto->strings[i]);
	return strings;
}

static bool import_attr(struct nc_ctx *ctx, const Onnx__AttributeProto *proto,
			struct nc_node *node, struct nc_attr *attr,
			struct nc_import *import)
{
	struct nc_import inner;

	if (proto->ref_attr_name && *proto->ref_attr_name) {
		const struct nc_attr *given = import->caller ?
			nc_attr(import->caller, proto->ref_attr_name) : NULL;

		/* One that the call does not have, the operator does not. */
		if (given)
			*attr = *given;
		attr->name = nc_text(proto->name);
		return given;
	}
	attr->name = nc_text(proto->name);
	attr->count = 1;
	switch (kind_of(proto)) {
	case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
		attr->kind = NC_ATTR_FLOAT;
		attr->f = proto->f;
		return true;
	case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
		attr->kind = NC_ATTR_INT;
		attr->i = proto->i;
		return true;
	case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
		attr->kind = NC_ATTR_STRING;
		attr->s = copy_string(ctx, &proto->s);
		return true;
	case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
		attr->kind = NC_ATTR_TENSOR;
		if (!proto->t)
			break;
		attr->tensor = nc_import_tensor(ctx, node, attr->name, proto->t);
		return attr->tensor;
	case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
		attr->kind = NC_ATTR_FLOATS;
		attr->count = proto->n_floats;
		attr->floats = proto->floats;
		return true;
	case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
		attr->kind = NC_ATTR_INTS;
		attr->count = proto->n_ints;
		attr->ints = proto->ints;
		return true;
	case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
		attr->kind = NC_ATTR_STRINGS;
		attr->count = proto->n_strings;
		attr->strings = copy_strings(ctx, proto);
		return true;
	case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH:
		attr->kind = NC_ATTR_GRAPH;
		if (!proto->g)
			break;
		attr->graph = nc_import_graph(ctx, proto->g, import, &inner);
		/* What the graph uses from around it, the node depends on. */
		nc_add_captures(ctx, node, inner.uses, inner.num_uses);
		return true;
	default:
		break;
	}
	nc_error(ctx, node, "attribute '%.60s' is of an unsupported kind",
		 attr->name);
	return false;
}

void nc_import_attrs(struct nc_ctx *ctx, const Onnx__NodeProto *proto,
		     struct nc_node *node, struct nc_import *import)
{
	size_t i;

	node->attrs = nc_alloc(ctx->arena, proto->n_attribute,
			       sizeof(*node->attrs));
	for (i = 0; i < proto->n_attribute; i++)
		if (import_attr(ctx, proto->attribute[i], node,
				&node->attrs[node->num_attrs], import))
			node->num_attrs++;
}
