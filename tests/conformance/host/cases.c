// SPDX-License-Identifier: MIT
/*
 * host-cases DIR: models that the chip and the host compute together, as cases in the
 * layout of ONNX's backend tests. What they are to give is computed here, plainly.
 */
#include <math.h>
#include <stdbool.h>
#include "case_folder.h"

/* The same numbers each time; the chip's sums of them are exact. */
static float number(unsigned int i)
{
	return (float)((int)(i * 2654435761u >> 24) - 128) / 16;
}

#define ROWS	12
#define COLS	10

/*
 * A tail as exporters write it. On the chip: y = x * w and m = y > 0. On the host:
 * NonZero(m) -> Transpose -> GatherND(y), and how many there are. On the chip again:
 * z = y * that number.
 */
static void nonzero_tail(void)
{
	float x[ROWS * COLS], w[COLS * COLS], y[ROWS * COLS], found[ROWS * COLS];
	const int64_t x_dims[] = { ROWS, COLS }, w_dims[] = { COLS, COLS };
	int64_t index[2 * ROWS * COLS], count = 0, dims[2];
	struct builder b = builder(13);
	unsigned int i, k, n;

	for (i = 0; i < ROWS * COLS; i++)
		x[i] = number(i);
	for (i = 0; i < COLS * COLS; i++)
		w[i] = number(i + 1000);
	for (i = 0; i < ROWS * COLS; i++)
		for (k = 0, y[i] = 0; k < COLS; k++)
			y[i] += x[i / COLS * COLS + k] * w[k * COLS + i % COLS];
	for (i = 0; i < ROWS * COLS; i++) {
		if (!(y[i] > 0))
			continue;
		index[2 * count] = i / COLS;
		index[2 * count + 1] = i % COLS;
		found[count++] = y[i];
	}
	n = (unsigned int)count;

	add_input(&b, "x", FLOAT, DIMS(ROWS, COLS));
	add_const(&b, "w", FLOAT, 2, w_dims, w, sizeof(w));
	add_ramp(&b, "zero", 0, 0, 0, NULL);
	add_ints(&b, "first", 1, (int64_t[]) { 0 });
	add_node(&b, "MatMul", "x w", "y");
	add_node(&b, "Greater", "y zero", "m");
	add_node(&b, "NonZero", "m", "nz");
	add_node(&b, "Transpose", "nz", "index");
	add_node(&b, "GatherND", "y index", "found");
	add_node(&b, "Shape", "found", "shape");
	add_node(&b, "Gather", "shape first", "count");
	attr_int(add_node(&b, "Cast", "count", "factor"), "to", FLOAT);
	add_node(&b, "Mul", "y factor", "z");
	add_output(&b, "index");
	add_output(&b, "found");
	add_output(&b, "z");
	put_model("nonzero_tail", &b);
	put_tensor("input_0.pb", FLOAT, 2, x_dims, x, sizeof(x));
	dims[0] = n;
	dims[1] = 2;
	put_tensor("output_0.pb", INT64, 2, dims, index, n * 2 * 8);
	put_tensor("output_1.pb", FLOAT, 1, dims, found, n * 4);
	for (i = 0; i < ROWS * COLS; i++)
		y[i] *= (float)n;
	put_tensor("output_2.pb", FLOAT, 2, x_dims, y, sizeof(y));
}

#define BOXES	8

/*
 * How detectors end: scores and boxes from the chip, NonMaxSuppression, and the boxes
 * that it selects. Every second box lies on the one before it, with a lower score.
 */
static void detector(void)
{
	const int64_t box_dims[] = { 1, BOXES, 4 }, score_dims[] = { 1, 1, BOXES };
	float boxes[BOXES * 4], scores[BOXES], chosen[BOXES / 2 * 4];
	int64_t selected[BOXES / 2 * 3], dims[2];
	const float limits[] = { 0.5f, 0 };
	struct builder b = builder(13);
	const int64_t one = 1;
	unsigned int i, k;

	for (i = 0; i < BOXES; i++) {
		float at = (float)(i / 2 * 10) + (i % 2 ? 0.125f : 0);

		boxes[4 * i] = at;
		boxes[4 * i + 1] = at;
		boxes[4 * i + 2] = at + 4;
		boxes[4 * i + 3] = at + 4;
		scores[i] = (float)(i / 2 + 1) - (i % 2 ? 0.5f : 0);
	}
	/* The chip doubles the boxes; the best score comes first. */
	for (i = 0; i < BOXES / 2; i++) {
		selected[3 * i] = 0;
		selected[3 * i + 1] = 0;
		selected[3 * i + 2] = BOXES - 2 - 2 * i;
		for (k = 0; k < 4; k++)
			chosen[4 * i + k] = 2 * boxes[4 * (BOXES - 2 - 2 * i) + k];
	}
	add_input(&b, "boxes", FLOAT, DIMS(1, BOXES, 4));
	add_input(&b, "scores", FLOAT, DIMS(1, 1, BOXES));
	add_ints(&b, "most", 1, (int64_t[]) { BOXES });
	add_const(&b, "iou", FLOAT, 1, &one, &limits[0], 4);
	add_const(&b, "least", FLOAT, 1, &one, &limits[1], 4);
	add_ints(&b, "box", 1, (int64_t[]) { 2 });
	add_ints(&b, "flat", 2, (int64_t[]) { -1, 4 });
	add_node(&b, "Add", "boxes boxes", "double");
	add_node(&b, "Relu", "scores", "positive");
	add_node(&b, "NonMaxSuppression", "double positive most iou least", "selected");
	attr_int(add_node(&b, "Gather", "selected box", "number"), "axis", 1);
	add_ints(&b, "second", 1, (int64_t[]) { 1 });
	add_node(&b, "Squeeze", "number second", "numbers");
	add_node(&b, "Reshape", "double flat", "rows");
	add_node(&b, "Gather", "rows numbers", "chosen");
	add_output(&b, "selected");
	add_output(&b, "chosen");
	put_model("detector", &b);
	put_tensor("input_0.pb", FLOAT, 3, box_dims, boxes, sizeof(boxes));
	put_tensor("input_1.pb", FLOAT, 3, score_dims, scores, sizeof(scores));
	dims[0] = BOXES / 2;
	dims[1] = 3;
	put_tensor("output_0.pb", INT64, 2, dims, selected, sizeof(selected));
	dims[1] = 4;
	put_tensor("output_1.pb", FLOAT, 2, dims, chosen, sizeof(chosen));
}

/* A mask of a length that is found: ConstantOfShape and Expand of computed shapes. */
static void computed_shapes(void)
{
	const float x[] = { 1, 0, 3, 0, 0, 6 }, scale = 0.5f;
	const int64_t six = 6, one = 1, matrix[] = { 3, 3 };
	float ones[3] = { 1, 1, 1 }, wide[9];
	int64_t three = 3, range[] = { 0, 1, 2 };
	struct builder b = builder(13);
	unsigned int i;

	for (i = 0; i < 9; i++)
		wide[i] = x[i % 3 == 0 ? 0 : i % 3 == 1 ? 2 : 5] * scale;
	add_input(&b, "x", FLOAT, DIMS(6));
	add_const(&b, "scale", FLOAT, 1, &one, &scale, 4);
	add_ints(&b, "axis", 1, (int64_t[]) { 0 });
	add_const(&b, "start", INT64, 0, NULL, (int64_t[]) { 0 }, 8);
	add_const(&b, "step", INT64, 0, NULL, (int64_t[]) { 1 }, 8);
	add_node(&b, "Mul", "x scale", "y");
	add_node(&b, "NonZero", "y", "nz");
	add_node(&b, "Squeeze", "nz axis", "index");
	add_node(&b, "Gather", "y index", "found");
	add_node(&b, "Shape", "found", "length");
	attr_int(add_node(&b, "Concat", "length length", "square"), "axis", 0);
	add_node(&b, "Expand", "found square", "wide");
	add_node(&b, "ConstantOfShape", "length", "zeros");
	add_const(&b, "one", FLOAT, 0, NULL, &ones[0], 4);
	add_node(&b, "Add", "zeros one", "ones");
	add_node(&b, "Squeeze", "length axis", "limit");
	add_node(&b, "Range", "start limit step", "range");
	add_output(&b, "wide");
	add_output(&b, "ones");
	add_output(&b, "range");
	put_model("computed_shapes", &b);
	put_tensor("input_0.pb", FLOAT, 1, &six, x, sizeof(x));
	put_tensor("output_0.pb", FLOAT, 2, matrix, wide, sizeof(wide));
	put_tensor("output_1.pb", FLOAT, 1, &three, ones, sizeof(ones));
	put_tensor("output_2.pb", INT64, 1, &three, range, sizeof(range));
}

static Onnx__GraphProto *branch(const char *op, const char *inputs)
{
	Onnx__GraphProto *graph = new_graph();

	add_node_to(graph, op, "x x", "twice");
	add_node_to(graph, "MatMul", inputs, "out");
	APPEND(graph->output, graph->n_output, new_value("out", FLOAT, -1, NULL));
	return graph;
}

/*
 * The sum decides: (x + x) * wide, or (x * x) * narrow, each a chip program of its own,
 * of another shape; a data set for each. x is [2, 2], all 1 or all -1.
 */
static void choice(void)
{
	const int64_t x_dims[] = { 2, 2 }, wide[] = { 2, 3 }, narrow[] = { 2, 1 };
	struct builder b = builder(13);
	Onnx__NodeProto *node;
	unsigned int set, i;
	float x[4], y[6];

	add_input(&b, "x", FLOAT, DIMS(2, 2));
	add_ramp(&b, "zero", 0, 0, 0, NULL);
	add_ramp(&b, "wide", 1, 1, 2, wide);
	add_ramp(&b, "narrow", 1, 1, 2, narrow);
	attr_int(add_node(&b, "ReduceSum", "x", "sum"), "keepdims", 0);
	add_node(&b, "Greater", "sum zero", "positive");
	node = add_node(&b, "If", "positive", "y");
	attr_graph(node, "then_branch", branch("Add", "twice wide"));
	attr_graph(node, "else_branch", branch("Mul", "twice narrow"));
	add_output(&b, "y");
	put_model("choice", &b);
	for (set = 0; set < 2; set++) {
		enter_set("choice", set);
		for (i = 0; i < 4; i++)
			x[i] = set ? -1 : 1;
		put_tensor("input_0.pb", FLOAT, 2, x_dims, x, sizeof(x));
		/* Columns of wide are 1 + 4, 2 + 5, 3 + 6, that of narrow 1 + 2. */
		for (i = 0; i < 6; i++)
			y[i] = set ? 3 : 2 * (float)(5 + 2 * (i % 3));
		put_tensor("output_0.pb", FLOAT, 2, set ? narrow : wide, y,
			   set ? 2 * 4 : sizeof(y));
	}
}

#define CHANNELS	64
#define FRAMES		700
#define KERNEL		5

/*
 * Of the frames that are kept, in pieces on the chip: a convolution, and one that is not
 * the same at both ends, of whole numbers that are exact in 16 bits, too.
 */
static void pieces(void)
{
	const int64_t x_dims[] = { 1, CHANNELS, FRAMES }, keep_dims[] = { FRAMES };
	const int64_t w_dims[] = { CHANNELS, CHANNELS, KERNEL }, bias_dims[] = { CHANNELS };
	static float x[CHANNELS][FRAMES], some[CHANNELS][FRAMES], w[CHANNELS][CHANNELS][KERNEL];
	static float sums[CHANNELS][FRAMES], bias[CHANNELS], y[CHANNELS * FRAMES];
	struct builder b = builder(13);
	unsigned int n = 0, c, k, i, o;
	Onnx__NodeProto *past;
	bool keep_data[FRAMES];

	for (i = 0; i < FRAMES; i++) {
		keep_data[i] = i % 7 != 3;
		for (c = 0; c < CHANNELS; c++) {
			x[c][i] = (float)((c * 5 + i * 3) % 4);
			some[c][n] = x[c][i];
		}
		n += keep_data[i];
	}
	for (o = 0; o < CHANNELS; o++) {
		bias[o] = (float)(o % 3);
		for (c = 0; c < CHANNELS; c++)
			for (k = 0; k < KERNEL; k++)
				w[o][c][k] = (o + 3 * c + k) % 40 ? 0 : 1;
	}
	/* The second one is of one channel each, and looks at the past alone. */
	for (o = 0; o < CHANNELS; o++)
		for (i = 0; i < n; i++) {
			sums[o][i] = bias[o];
			for (c = 0; c < CHANNELS; c++)
				for (k = 0; k < KERNEL; k++)
					if (i + k >= KERNEL / 2 && i + k - KERNEL / 2 < n)
						sums[o][i] += w[o][c][k] * some[c][i + k - KERNEL / 2];
		}
	for (o = 0; o < CHANNELS; o++)
		for (i = 0; i < n; i++)
			y[o * n + i] = sums[o][i] - (i >= 2 ? sums[o][i - 2] : 0);
	add_input(&b, "x", FLOAT, DIMS(1, CHANNELS, FRAMES));
	add_input(&b, "keep", BOOL, DIMS(FRAMES));
	add_const(&b, "w", FLOAT, 3, w_dims, w, sizeof(w));
	add_const(&b, "bias", FLOAT, 1, bias_dims, bias, sizeof(bias));
	for (o = 0; o < CHANNELS; o++) {
		w[o][0][0] = -1;
		w[o][0][1] = 0;
		w[o][0][2] = 1;
	}
	for (o = 0; o < CHANNELS; o++)
		memmove(&w[0][0][0] + 3 * o, &w[o][0][0], 3 * sizeof(float));
	add_const(&b, "past", FLOAT, 3, (int64_t[]) { CHANNELS, 1, 3 }, w, CHANNELS * 3 * 4);
	attr_int(add_node(&b, "Compress", "x keep", "some"), "axis", 2);
	attr_ints(add_node(&b, "Conv", "some w bias", "sums"), "pads", 2,
		  (int64_t[]) { KERNEL / 2, KERNEL / 2 });
	past = add_node(&b, "Conv", "sums past", "y");
	attr_ints(past, "pads", 2, (int64_t[]) { 2, 0 });
	attr_int(past, "group", CHANNELS);
	add_output(&b, "y");
	put_model("pieces", &b);
	put_tensor("input_0.pb", FLOAT, 3, x_dims, x, sizeof(x));
	put_tensor("input_1.pb", BOOL, 1, keep_dims, keep_data, sizeof(keep_data));
	put_tensor("output_0.pb", FLOAT, 3, (int64_t[]) { 1, CHANNELS, n }, y, n * CHANNELS * 4);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: host-cases DIR\n");
		return 2;
	}
	folder = argv[1];
	nonzero_tail();
	detector();
	computed_shapes();
	choice();
	pieces();
	return 0;
}
