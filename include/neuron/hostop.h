/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The operators that host steps of a .neff can have, and why they are there.
 *
 * They are ONNX's, with what ONNX has as attributes in the step's ints and floats
 * (lists and strings as further inputs), and with every type that ONNX allows in
 * its own width: integers wrap, they don't saturate as on the chip. The arithmetic
 * is in hostops/.
 */
#ifndef NEURON_HOSTOP_H
#define NEURON_HOSTOP_H

/*
 * X(NAME, number, ONNX's name, fewest inputs, most inputs, most outputs, ints, floats)
 *
 * Numbers are the file format's: new ones go to the end. Behind each row: the ints
 * and floats, and inputs that ONNX does not have.
 */
#define NEURON_HOST_OPS(X)                                                     \
	/* results whose shape depends on data */                              \
	X(NONZERO,            0, "NonZero",            1, 1, 1, 0, 0)          \
	/* ints: axis is given, axis */                                        \
	X(COMPRESS,           1, "Compress",           2, 2, 1, 2, 0)          \
	/* ints: axis is given, axis, sorted */                                \
	X(UNIQUE,             2, "Unique",             1, 1, 4, 3, 0)          \
	/* ints: center_point_box */                                           \
	X(NON_MAX_SUPPRESSION, 3, "NonMaxSuppression", 2, 5, 1, 1, 0)          \
	/* ints: axis, largest */                                              \
	X(TOPK,               4, "TopK",               2, 2, 2, 2, 0)          \
	X(RANGE,              5, "Range",              3, 3, 1, 0, 0)          \
	/* inputs: shape, value */                                             \
	X(CONSTANT_OF_SHAPE,  6, "ConstantOfShape",    2, 2, 1, 0, 0)          \
	/* shapes, and elements as they are */                                 \
	/* ints: start, end */                                                 \
	X(SHAPE,              7, "Shape",              1, 1, 1, 2, 0)          \
	X(SIZE,               8, "Size",               1, 1, 1, 0, 0)          \
	X(IDENTITY,           9, "Identity",           1, 1, 1, 0, 0)          \
	/* ints: allowzero */                                                  \
	X(RESHAPE,           10, "Reshape",            2, 2, 1, 1, 0)          \
	X(SQUEEZE,           11, "Squeeze",            1, 2, 1, 0, 0)          \
	X(UNSQUEEZE,         12, "Unsqueeze",          2, 2, 1, 0, 0)          \
	/* ints: axis */                                                       \
	X(FLATTEN,           13, "Flatten",            1, 1, 1, 1, 0)          \
	/* ints: the permutation, as many as there are dimensions */           \
	X(TRANSPOSE,         14, "Transpose",          1, 1, 1, 8, 0)          \
	/* inputs: x, starts, ends, axes, steps */                             \
	X(SLICE,             15, "Slice",              3, 5, 1, 0, 0)          \
	/* ints: axis */                                                       \
	X(CONCAT,            16, "Concat",             1, 255, 1, 1, 0)        \
	X(EXPAND,            17, "Expand",             2, 2, 1, 0, 0)          \
	X(TILE,              18, "Tile",               2, 2, 1, 0, 0)          \
	/* ints: axis */                                                       \
	X(GATHER,            19, "Gather",             2, 2, 1, 1, 0)          \
	/* ints: axis */                                                       \
	X(GATHER_ELEMENTS,   20, "GatherElements",     2, 2, 1, 1, 0)          \
	/* ints: batch_dims */                                                 \
	X(GATHER_ND,         21, "GatherND",           2, 2, 1, 1, 0)          \
	/* ints: reduction: 0 none, 1 add, 2 mul, 3 max, 4 min */              \
	X(SCATTER_ND,        22, "ScatterND",          3, 3, 1, 1, 0)          \
	/* ints: axis, reduction */                                            \
	X(SCATTER_ELEMENTS,  23, "ScatterElements",    3, 3, 1, 2, 0)          \
	X(WHERE,             24, "Where",              3, 3, 1, 0, 0)          \
	/* numbers; ints of CAST: saturate */                                  \
	X(CAST,              25, "Cast",               1, 1, 1, 0, 0)          \
	X(ADD,               26, "Add",                2, 2, 1, 0, 0)          \
	X(SUB,               27, "Sub",                2, 2, 1, 0, 0)          \
	X(MUL,               28, "Mul",                2, 2, 1, 0, 0)          \
	X(DIV,               29, "Div",                2, 2, 1, 0, 0)          \
	/* ints: fmod */                                                       \
	X(MOD,               30, "Mod",                2, 2, 1, 1, 0)          \
	X(MAX,               31, "Max",                1, 255, 1, 0, 0)        \
	X(MIN,               32, "Min",                1, 255, 1, 0, 0)        \
	X(AND,               33, "And",                2, 2, 1, 0, 0)          \
	X(OR,                34, "Or",                 2, 2, 1, 0, 0)          \
	X(XOR,               35, "Xor",                2, 2, 1, 0, 0)          \
	X(EQUAL,             36, "Equal",              2, 2, 1, 0, 0)          \
	X(LESS,              37, "Less",               2, 2, 1, 0, 0)          \
	X(LESS_OR_EQUAL,     38, "LessOrEqual",        2, 2, 1, 0, 0)          \
	X(GREATER,           39, "Greater",            2, 2, 1, 0, 0)          \
	X(GREATER_OR_EQUAL,  40, "GreaterOrEqual",     2, 2, 1, 0, 0)          \
	X(NEG,               41, "Neg",                1, 1, 1, 0, 0)          \
	X(ABS,               42, "Abs",                1, 1, 1, 0, 0)          \
	X(SIGN,              43, "Sign",               1, 1, 1, 0, 0)          \
	X(NOT,               44, "Not",                1, 1, 1, 0, 0)          \
	X(FLOOR,             45, "Floor",              1, 1, 1, 0, 0)          \
	X(CEIL,              46, "Ceil",               1, 1, 1, 0, 0)          \
	X(ROUND,             47, "Round",              1, 1, 1, 0, 0)          \
	X(SQRT,              48, "Sqrt",               1, 1, 1, 0, 0)          \
	X(RECIPROCAL,        49, "Reciprocal",         1, 1, 1, 0, 0)          \
	X(RELU,              50, "Relu",               1, 1, 1, 0, 0)          \
	X(CLIP,              51, "Clip",               1, 3, 1, 0, 0)          \
	/* inputs: x, axes; ints: keepdims, noop_with_empty_axes */            \
	X(REDUCE_SUM,        52, "ReduceSum",          1, 2, 1, 2, 0)          \
	X(REDUCE_MEAN,       53, "ReduceMean",         1, 2, 1, 2, 0)          \
	X(REDUCE_MAX,        54, "ReduceMax",          1, 2, 1, 2, 0)          \
	X(REDUCE_MIN,        55, "ReduceMin",          1, 2, 1, 2, 0)          \
	X(REDUCE_PROD,       56, "ReduceProd",         1, 2, 1, 2, 0)          \
	/* ints: axis, keepdims, select_last_index */                          \
	X(ARG_MAX,           57, "ArgMax",             1, 1, 1, 3, 0)          \
	X(ARG_MIN,           58, "ArgMin",             1, 1, 1, 3, 0)          \
	/* inputs: x, axis; ints: exclusive, reverse */                        \
	X(CUM_SUM,           59, "CumSum",             2, 2, 1, 2, 0)          \
	X(DET,               60, "Det",                1, 1, 1, 0, 0)          \
	/* strings */                                                          \
	/* inputs: x, stopwords; ints: 0 as it is, 1 lower, 2 upper; case sensitive */ \
	X(STRING_NORMALIZER, 61, "StringNormalizer",   1, 2, 1, 2, 0)          \
	/* inputs: x, pool, ngram_counts, ngram_indexes, weights */            \
	/* ints: 0 TF, 1 IDF, 2 TFIDF; min, max gram length; max_skip_count */ \
	X(TFIDF_VECTORIZER,  62, "TfIdfVectorizer",    4, 5, 1, 4, 0)          \
	X(STRING_CONCAT,     63, "StringConcat",       2, 2, 1, 0, 0)          \
	/* inputs: x, keys, values, default */                                 \
	X(LABEL_ENCODER,     64, "LabelEncoder",       4, 4, 1, 0, 0)          \
	/* random numbers; ints: seed is given, its bits. Shapes: the output's */ \
	/* floats: mean, scale */                                              \
	X(RANDOM_NORMAL,     65, "RandomNormal",       0, 0, 1, 2, 2)          \
	/* floats: low, high */                                                \
	X(RANDOM_UNIFORM,    66, "RandomUniform",      0, 0, 1, 2, 2)          \
	X(BERNOULLI,         67, "Bernoulli",          1, 1, 1, 2, 0)          \
	/* ints: and sample_size */                                            \
	X(MULTINOMIAL,       68, "Multinomial",        1, 1, 1, 3, 0)          \
	/* inputs: x, ratio, training_mode */                                  \
	X(DROPOUT,           69, "Dropout",            1, 3, 2, 2, 0)          \
	/* functions of floats, element by element */                          \
	X(EXP,               70, "Exp",                1, 1, 1, 0, 0)          \
	X(LOG,               71, "Log",                1, 1, 1, 0, 0)          \
	X(SIN,               72, "Sin",                1, 1, 1, 0, 0)          \
	X(COS,               73, "Cos",                1, 1, 1, 0, 0)          \
	X(TANH,              74, "Tanh",               1, 1, 1, 0, 0)          \
	X(SIGMOID,           75, "Sigmoid",            1, 1, 1, 0, 0)          \
	X(ERF,               76, "Erf",                1, 1, 1, 0, 0)          \
	X(SOFTPLUS,          77, "Softplus",           1, 1, 1, 0, 0)          \
	X(SOFTSIGN,          78, "Softsign",           1, 1, 1, 0, 0)          \
	X(HARD_SWISH,        79, "HardSwish",          1, 1, 1, 0, 0)          \
	X(MISH,              80, "Mish",               1, 1, 1, 0, 0)          \
	/* floats: alpha */                                                    \
	X(LEAKY_RELU,        81, "LeakyRelu",          1, 1, 1, 0, 1)          \
	X(ELU,               82, "Elu",                1, 1, 1, 0, 1)          \
	/* floats: alpha, gamma */                                             \
	X(SELU,              83, "Selu",               1, 1, 1, 0, 2)          \
	/* floats: alpha, beta */                                              \
	X(HARD_SIGMOID,      84, "HardSigmoid",        1, 1, 1, 0, 2)          \
	/* ints: approximated with tanh */                                     \
	X(GELU,              85, "Gelu",               1, 1, 1, 1, 0)          \
	X(IS_NAN,            86, "IsNaN",              1, 1, 1, 0, 0)          \
	/* ints: detect_negative, detect_positive */                           \
	X(IS_INF,            87, "IsInf",              1, 1, 1, 2, 0)          \
	X(POW,               88, "Pow",                2, 2, 1, 0, 0)          \
	X(PRELU,             89, "PRelu",              2, 2, 1, 0, 0)          \
	/* ints: axis */                                                       \
	X(SOFTMAX,           90, "Softmax",            1, 1, 1, 1, 0)          \
	X(LOG_SOFTMAX,       91, "LogSoftmax",         1, 1, 1, 1, 0)          \
	/* inputs: x, axes; ints: keepdims, noop_with_empty_axes */            \
	X(REDUCE_SUM_SQUARE, 92, "ReduceSumSquare",    1, 2, 1, 2, 0)          \
	X(REDUCE_L1,         93, "ReduceL1",           1, 2, 1, 2, 0)          \
	X(REDUCE_L2,         94, "ReduceL2",           1, 2, 1, 2, 0)          \
	X(REDUCE_LOG_SUM,    95, "ReduceLogSum",       1, 2, 1, 2, 0)          \
	X(REDUCE_LOG_SUM_EXP, 96, "ReduceLogSumExp",   1, 2, 1, 2, 0)          \
	/* outputs: y, mean, 1 / standard deviation; ints: axis; */            \
	/* floats: epsilon */                                                  \
	X(LAYER_NORM,        97, "LayerNormalization", 2, 3, 3, 1, 1)          \
	/* inputs: x, pads, value, axes; */                                    \
	/* ints: 0 constant, 1 reflect, 2 edge, 3 wrap */                      \
	X(PAD,               98, "Pad",                2, 4, 1, 1, 0)          \
	/* ints: axis, parts */                                                \
	X(SPLIT,             99, "Split",              1, 2, 255, 2, 0)        \
	/* inputs: x, diagonal; ints: upper */                                 \
	X(TRILU,             100, "Trilu",             1, 2, 1, 1, 0)          \
	/* products, in fp32 */                                                \
	X(MATMUL,            101, "MatMul",            2, 2, 1, 0, 0)          \
	/* inputs: a, b, c; ints: transA, transB; floats: alpha, beta */       \
	X(GEMM,              102, "Gemm",              2, 3, 1, 2, 2)          \
	/* inputs: x, weights, window, bias; window: of each dimension the */  \
	/* strides, dilations, pads before, pads after; ints: group, auto_pad: */\
	/* 0 as given, 1 SAME_UPPER, 2 SAME_LOWER, 3 VALID */                  \
	X(CONV,              103, "Conv",              3, 4, 1, 2, 0)          \
	/* the window goes on: output_padding and, if given, output_shape */   \
	X(CONV_TRANSPOSE,    104, "ConvTranspose",     3, 4, 1, 2, 0)          \
	/* random numbers in the shape of their input; ints and floats as above */ \
	X(RANDOM_NORMAL_LIKE, 105, "RandomNormalLike", 1, 1, 1, 2, 2)          \
	X(RANDOM_UNIFORM_LIKE, 106, "RandomUniformLike", 1, 1, 1, 2, 2)        \
	/* recurrences; ints: direction (0 forward, 1 reverse, 2 both), layout, */ \
	/* input_forget or linear_before_reset, and 4 bits for each function of */ \
	/* a direction, three of each: 0 Sigmoid, 1 Tanh, 2 Relu, 3 Softsign, */ \
	/* 4 Softplus; floats: clip, but for what an LSTM's cell gives out */  \
	X(RNN,               107, "RNN",               3, 6, 2, 4, 1)          \
	X(GRU,               108, "GRU",               3, 6, 2, 4, 1)          \
	X(LSTM,              109, "LSTM",              3, 8, 3, 4, 1)

enum neuron_host_op {
#define X(name, number, text, min_in, max_in, max_out, ints, floats) \
	NEURON_HOST_##name = number,
	NEURON_HOST_OPS(X)
#undef X
	NEURON_HOST_NUM_OPS
};

/* X(NAME, number, why the step is one of the host's) */
#define NEURON_HOST_REASONS(X)                                                 \
	X(SHAPE,    1, "the shape of its result depends on data")              \
	X(OPEN,     2, "it works on a tensor whose shape depends on data")     \
	X(STRING,   3, "it works on strings")                                  \
	X(RANDOM,   4, "it makes random numbers")                              \
	X(NO_CHIP,  5, "the chip has no instructions for it")                  \
	X(BETWEEN,  6, "its few elements come from a host step")               \
	X(CONDITION, 7, "what it chooses is known only while the model runs")  \
	X(SIZE,     8, "a shape is computed of it")

enum neuron_host_reason {
#define X(name, number, text) NEURON_HOST_REASON_##name = number,
	NEURON_HOST_REASONS(X)
#undef X
	NEURON_HOST_NUM_REASONS
};

#endif /* NEURON_HOSTOP_H */
