/* SPDX-License-Identifier: MIT */
/*
 * The operator table: X(ONNX name, infer, fold, lower)
 *
 * infer:  nc_infer_NAME() gives the outputs' types and shapes
 * fold:   nc_fold_NAME() computes the outputs when all inputs are constant
 * lower:  nc_lower_NAME() turns the node into chip instructions
 *
 * "none" in a column: constants are not folded by that operator, or it never
 * reaches the back end (front-end passes always resolve it). To add an operator
 * add its row here and the functions that it names; the rest of the compiler
 * does not change.
 */
#ifndef COMPILER_OPS_H
#define COMPILER_OPS_H

#define NC_OPS(X)                                                              \
	/* element by element, broadcast */                                    \
	X(Add,                arith,          binary,         eltwise)        \
	X(Sub,                arith,          binary,         eltwise)        \
	X(Mul,                arith,          binary,         eltwise)        \
	X(Div,                arith,          binary,         eltwise)        \
	X(Mod,                arith,          binary,         eltwise)        \
	X(Pow,                pow,            binary,         eltwise)        \
	X(PRelu,              arith,          binary,         eltwise)        \
	X(Max,                nary,           nary,           eltwise)        \
	X(Min,                nary,           nary,           eltwise)        \
	X(Sum,                nary,           nary,           eltwise)        \
	X(Mean,               nary,           nary,           eltwise)        \
	X(Equal,              compare,        binary,         eltwise)        \
	X(Less,               compare,        binary,         eltwise)        \
	X(LessOrEqual,        compare,        binary,         eltwise)        \
	X(Greater,            compare,        binary,         eltwise)        \
	X(GreaterOrEqual,     compare,        binary,         eltwise)        \
	X(And,                logic,          binary,         eltwise)        \
	X(Or,                 logic,          binary,         eltwise)        \
	X(Xor,                logic,          binary,         eltwise)        \
	X(Where,              where,          where,          select)         \
	/* element by element, one input */                                    \
	X(Relu,               unary,          unary,          act)            \
	X(Clip,               clip,           unary,          act)            \
	X(LeakyRelu,          unary_float,    unary,          act)            \
	X(Sigmoid,            unary_float,    unary,          act)            \
	X(Tanh,               unary_float,    unary,          act)            \
	X(Exp,                unary_float,    unary,          act)            \
	X(Log,                unary_float,    unary,          act)            \
	X(Sqrt,               unary_float,    unary,          act)            \
	X(Reciprocal,         unary_float,    unary,          act)            \
	X(Erf,                unary_float,    unary,          act)            \
	X(Gelu,               unary_float,    unary,          act)            \
	X(Elu,                unary_float,    unary,          act)            \
	X(Selu,               unary_float,    unary,          act)            \
	X(Softplus,           unary_float,    unary,          act)            \
	X(Softsign,           unary_float,    unary,          act)            \
	X(HardSigmoid,        unary_float,    unary,          act)            \
	X(HardSwish,          unary_float,    unary,          act)            \
	X(Mish,               unary_float,    unary,          act)            \
	X(ThresholdedRelu,    unary_float,    unary,          act)            \
	X(Abs,                unary,          unary,          act)            \
	X(Neg,                unary,          unary,          act)            \
	X(Sign,               unary,          unary,          act)            \
	X(Floor,              unary_float,    unary,          act)            \
	X(Ceil,               unary_float,    unary,          act)            \
	X(Round,              unary_float,    unary,          act)            \
	X(Sin,                unary_float,    unary,          act)            \
	X(Cos,                unary_float,    unary,          act)            \
	X(Not,                not,            unary,          act)            \
	X(Cast,               cast,           cast,           cast)           \
	X(CastLike,           cast_like,      cast,           none)           \
	X(DynamicQuantizeLinear, dynamic_quantize, none,      none)           \
	X(QuantizeLinear,     quantize,       quantize,       quantize)       \
	X(DequantizeLinear,   dequantize,     dequantize,     dequantize)     \
	/* the matrix engine */                                                \
	X(Conv,               conv,           none,           conv)           \
	X(ConvInteger,        conv_integer,   none,           integer)        \
	X(QLinearConv,        qlinear_conv,   none,           qlinear)        \
	X(ConvTranspose,      conv_transpose, none,           conv_transpose) \
	X(MatMul,             matmul,         matmul,         matmul)         \
	X(MatMulInteger,      matmul_integer, none,           integer)        \
	X(QLinearMatMul,      qlinear_matmul, none,           qlinear)        \
	X(Gemm,               gemm,           none,           gemm)           \
	X(RNN,                rnn,            none,           none)           \
	X(GRU,                rnn,            none,           none)           \
	X(LSTM,               rnn,            none,           none)           \
	/* windows, reductions, normalisation */                               \
	X(MaxPool,            pool,           none,           pool)           \
	X(AveragePool,        pool,           none,           pool)           \
	X(LpPool,             pool,           none,           pool)           \
	X(GlobalAveragePool,  global_pool,    none,           global_pool)    \
	X(GlobalMaxPool,      global_pool,    none,           global_pool)    \
	X(ReduceSum,          reduce,         reduce,         reduce)         \
	X(ReduceMean,         reduce,         reduce,         reduce)         \
	X(ReduceMax,          reduce,         reduce,         reduce)         \
	X(ReduceMin,          reduce,         reduce,         reduce)         \
	X(ReduceProd,         reduce,         reduce,         reduce)         \
	X(ReduceSumSquare,    reduce,         reduce,         reduce)         \
	X(ReduceL1,           reduce,         reduce,         reduce)         \
	X(ReduceL2,           reduce,         reduce,         reduce)         \
	X(ReduceLogSum,       reduce,         reduce,         reduce)         \
	X(ReduceLogSumExp,    reduce,         reduce,         reduce)         \
	X(ArgMax,             arg_reduce,     arg_reduce,     reduce)         \
	X(ArgMin,             arg_reduce,     arg_reduce,     reduce)         \
	X(Softmax,            softmax,        none,           softmax)        \
	X(LogSoftmax,         softmax,        none,           softmax)        \
	X(BatchNormalization, batch_norm,     none,           batch_norm)     \
	X(LayerNormalization, layer_norm,     none,           layer_norm)     \
	X(InstanceNormalization, instance_norm, none,         instance_norm)  \
	X(MeanVarianceNormalization, unary_float, none,       layer_norm)     \
	/* moving data */                                                      \
	X(Identity,           unary,          reshape,        reshape)        \
	X(Dropout,            dropout,        none,           none)           \
	X(Reshape,            reshape,        reshape,        reshape)        \
	X(Flatten,            flatten,        reshape,        reshape)        \
	X(Squeeze,            squeeze,        reshape,        reshape)        \
	X(Unsqueeze,          unsqueeze,      reshape,        reshape)        \
	X(Transpose,          transpose,      transpose,      transpose)      \
	X(Concat,             concat,         concat,         concat)         \
	X(Split,              split,          split,          split)          \
	X(Slice,              slice,          slice,          slice)          \
	X(Pad,                pad,            pad,            pad)            \
	X(Expand,             expand,         expand,         expand)         \
	X(Tile,               tile,           tile,           tile)           \
	X(Gather,             gather,         gather,         gather)         \
	X(DepthToSpace,       depth_to_space, none,           depth_space)    \
	X(SpaceToDepth,       depth_to_space, none,           depth_space)    \
	X(Hardmax,            softmax,        none,           none)           \
	X(LRN,                unary_float,    none,           none)           \
	X(OneHot,             one_hot,        none,           none)           \
	X(TopK,               top_k,          none,           none)           \
	X(GatherElements,     gather_elements, none,          none)           \
	X(GatherND,           gather_nd,      none,           none)           \
	X(ScatterElements,    scatter_elements, none,         none)           \
	X(Scatter,            scatter_elements, none,         none)           \
	X(ScatterND,          scatter_nd,     none,           none)           \
	X(Resize,             resize,         none,           none)           \
	X(Upsample,           resize,         none,           none)           \
	X(Trilu,              trilu,          trilu,          none)           \
	/* known at compile time */                                            \
	X(Constant,           constant,       none,           none)           \
	X(ConstantOfShape,    constant_of_shape, none,        none)           \
	X(Shape,              shape,          none,           none)           \
	X(Size,               size,           none,           none)           \
	X(Range,              range,          range,          none)           \
	X(NonZero,            nonzero,        none,           none)           \
	X(If,                 none,           none,           none)

#endif /* COMPILER_OPS_H */
