/* SPDX-License-Identifier: MIT */
/*
 * The operator table: X(ONNX name, infer, fold, decompose, lower)
 *
 * infer:      nc_infer_NAME() gives the outputs' types and shapes
 * fold:       nc_fold_NAME() computes the outputs when all inputs are constant
 * decompose:  nc_decompose_NAME() puts simpler operators in its place
 * lower:      nc_lower_NAME() turns the node into chip instructions
 *
 * "none" in a column: constants are not folded by that operator, it stays as it
 * is, or it never reaches the back end (front-end passes always resolve it). To
 * add an operator add its row here and the functions that it names; the rest of
 * the compiler does not change. ScatterRows and FunctionCall are the
 * compiler's own.
 */
#ifndef COMPILER_OPS_H
#define COMPILER_OPS_H

#define NC_OPS(X)                                                              \
	/* element by element, broadcast */                                    \
	X(Add,                    arith,            binary,       arith,            eltwise) \
	X(Sub,                    arith,            binary,       arith,            eltwise) \
	X(Mul,                    arith,            binary,       arith,            eltwise) \
	X(Div,                    arith,            binary,       none,             eltwise) \
	X(Mod,                    arith,            binary,       none,             eltwise) \
	X(Pow,                    pow,              binary,       pow,              eltwise) \
	X(PRelu,                  arith,            binary,       none,             eltwise) \
	X(Max,                    nary,             nary,         pairs,            eltwise) \
	X(Min,                    nary,             nary,         pairs,            eltwise) \
	X(Sum,                    nary,             nary,         pairs,            eltwise) \
	X(Mean,                   nary,             nary,         pairs,            eltwise) \
	X(Equal,                  compare,          binary,       none,             eltwise) \
	X(Less,                   compare,          binary,       none,             eltwise) \
	X(LessOrEqual,            compare,          binary,       none,             eltwise) \
	X(Greater,                compare,          binary,       none,             eltwise) \
	X(GreaterOrEqual,         compare,          binary,       none,             eltwise) \
	X(And,                    logic,            binary,       none,             eltwise) \
	X(Or,                     logic,            binary,       none,             eltwise) \
	X(Xor,                    logic,            binary,       none,             eltwise) \
	X(BitwiseAnd,             bitwise,          binary,       none,             eltwise) \
	X(BitwiseOr,              bitwise,          binary,       none,             eltwise) \
	X(BitwiseXor,             bitwise,          binary,       none,             eltwise) \
	X(BitShift,               bitwise,          binary,       bit_shift,        eltwise) \
	X(Where,                  where,            where,        none,             select) \
	/* element by element, one input */                                    \
	X(Relu,                   unary,            unary,        none,             act) \
	X(Clip,                   clip,             unary,        none,             act) \
	X(LeakyRelu,              unary_float,      unary,        none,             act) \
	X(Sigmoid,                unary_float,      unary,        none,             act) \
	X(Tanh,                   unary_float,      unary,        none,             act) \
	X(Exp,                    unary_float,      unary,        none,             act) \
	X(Log,                    unary_float,      unary,        none,             act) \
	X(Sqrt,                   unary_float,      unary,        none,             act) \
	X(Reciprocal,             unary_float,      unary,        none,             act) \
	X(Erf,                    unary_float,      unary,        none,             act) \
	X(Gelu,                   unary_float,      unary,        none,             act) \
	X(Elu,                    unary_float,      unary,        none,             act) \
	X(Selu,                   unary_float,      unary,        none,             act) \
	X(Softplus,               unary_float,      unary,        none,             act) \
	X(Softsign,               unary_float,      unary,        none,             act) \
	X(HardSigmoid,            unary_float,      unary,        none,             act) \
	X(HardSwish,              unary_float,      unary,        none,             act) \
	X(Mish,                   unary_float,      unary,        none,             act) \
	X(ThresholdedRelu,        unary_float,      unary,        none,             act) \
	X(Abs,                    unary,            unary,        none,             act) \
	X(Neg,                    unary,            unary,        none,             act) \
	X(Sign,                   unary,            unary,        none,             act) \
	X(Floor,                  unary_float,      unary,        none,             act) \
	X(Ceil,                   unary_float,      unary,        none,             act) \
	X(Round,                  unary_float,      unary,        none,             act) \
	X(Sin,                    unary_float,      unary,        none,             act) \
	X(Cos,                    unary_float,      unary,        none,             act) \
	X(Not,                    not,              unary,        none,             act) \
	X(BitwiseNot,             bitwise_not,      none,         bitwise_not,      none) \
	X(IsNaN,                  is_float,         none,         is_nan,           none) \
	X(IsInf,                  is_float,         none,         is_inf,           none) \
	X(Celu,                   unary_float,      none,         celu,             none) \
	X(Shrink,                 unary,            none,         shrink,           none) \
	X(Tan,                    unary_float,      none,         tan,              none) \
	X(Asin,                   unary_float,      none,         asin,             none) \
	X(Acos,                   unary_float,      none,         asin,             none) \
	X(Atan,                   unary_float,      unary,        none,             act) \
	X(Sinh,                   unary_float,      none,         sinh,             none) \
	X(Cosh,                   unary_float,      none,         sinh,             none) \
	X(Asinh,                  unary_float,      none,         asinh,            none) \
	X(Acosh,                  unary_float,      none,         asinh,            none) \
	X(Atanh,                  unary_float,      none,         atanh,            none) \
	X(Cast,                   cast,             cast,         cast,             cast) \
	X(CastLike,               cast_like,        cast,         none,             none) \
	X(DynamicQuantizeLinear,  dynamic_quantize, none,         dynamic_quantize, none) \
	X(QuantizeLinear,         quantize,         quantize,     quantize,         quantize) \
	X(DequantizeLinear,       dequantize,       dequantize,   dequantize,       dequantize) \
	/* the matrix engine */                                                \
	X(Conv,                   conv,             none,         none,             conv) \
	X(ConvInteger,            conv_integer,     none,         conv_integer,     integer) \
	X(QLinearConv,            qlinear_conv,     none,         qlinear,          qlinear) \
	X(ConvTranspose,          conv_transpose,   none,         conv_transpose,   conv_transpose) \
	X(MatMul,                 matmul,           matmul,       matmul,           matmul) \
	X(MatMulInteger,          matmul_integer,   none,         matmul_integer,   integer) \
	X(QLinearMatMul,          qlinear_matmul,   none,         qlinear,          qlinear) \
	X(Gemm,                   gemm,             none,         gemm,             gemm) \
	X(Einsum,                 einsum,           none,         einsum,           none) \
	X(DFT,                    dft,              none,         dft,              none) \
	X(STFT,                   stft,             none,         stft,             none) \
	X(RNN,                    rnn,              none,         rnn,              none) \
	X(GRU,                    rnn,              none,         rnn,              none) \
	X(LSTM,                   rnn,              none,         rnn,              none) \
	/* windows, reductions, normalisation */                               \
	X(MaxPool,                pool,             none,         max_pool,         pool) \
	X(AveragePool,            pool,             none,         none,             pool) \
	X(LpPool,                 pool,             none,         none,             pool) \
	X(GlobalAveragePool,      global_pool,      none,         global_pool,      global_pool) \
	X(GlobalMaxPool,          global_pool,      none,         global_pool,      global_pool) \
	X(GlobalLpPool,           global_pool,      none,         global_lp_pool,   none) \
	X(MaxUnpool,              max_unpool,       none,         max_unpool,       none) \
	X(CumSum,                 cum_sum,          none,         cum_sum,          none) \
	X(ReduceSum,              reduce,           reduce,       reduce,           reduce) \
	X(ReduceMean,             reduce,           reduce,       reduce,           reduce) \
	X(ReduceMax,              reduce,           reduce,       reduce,           reduce) \
	X(ReduceMin,              reduce,           reduce,       reduce,           reduce) \
	X(ReduceProd,             reduce,           reduce,       reduce,           reduce) \
	X(ReduceSumSquare,        reduce,           reduce,       reduce,           reduce) \
	X(ReduceL1,               reduce,           reduce,       reduce,           reduce) \
	X(ReduceL2,               reduce,           reduce,       reduce,           reduce) \
	X(ReduceLogSum,           reduce,           reduce,       reduce,           reduce) \
	X(ReduceLogSumExp,        reduce,           reduce,       reduce,           reduce) \
	X(ArgMax,                 arg_reduce,       arg_reduce,   arg_reduce,       reduce) \
	X(ArgMin,                 arg_reduce,       arg_reduce,   arg_reduce,       reduce) \
	X(Softmax,                softmax,          none,         softmax,          softmax) \
	X(LogSoftmax,             softmax,          none,         softmax,          softmax) \
	X(BatchNormalization,     batch_norm,       none,         batch_norm,       batch_norm) \
	X(LayerNormalization,     layer_norm,       none,         layer_norm,       layer_norm) \
	X(GroupNormalization,     group_norm,       none,         group_norm,       none) \
	X(LpNormalization,        unary_float,      none,         lp_normalization, none) \
	X(InstanceNormalization,  instance_norm,    none,         instance_norm,    instance_norm) \
	X(MeanVarianceNormalization,unary_float,      none,         none,             layer_norm) \
	/* moving data */                                                      \
	X(Identity,               identity,         reshape,      none,             reshape) \
	X(Dropout,                dropout,          none,         none,             none) \
	X(Reshape,                reshape,          reshape,      none,             reshape) \
	X(Flatten,                flatten,          reshape,      reshape,          reshape) \
	X(Squeeze,                squeeze,          reshape,      reshape,          reshape) \
	X(Unsqueeze,              unsqueeze,        reshape,      reshape,          reshape) \
	X(Transpose,              transpose,        transpose,    none,             transpose) \
	X(Concat,                 concat,           concat,       none,             concat) \
	X(Split,                  split,            split,        none,             split) \
	X(Slice,                  slice,            slice,        none,             slice) \
	X(Pad,                    pad,              pad,          pad,              pad) \
	X(Expand,                 expand,           expand,       none,             expand) \
	X(Tile,                   tile,             tile,         tile,             tile) \
	X(Gather,                 gather,           gather,       none,             gather) \
	X(DepthToSpace,           depth_to_space,   none,         blocks,           depth_space) \
	X(SpaceToDepth,           depth_to_space,   none,         blocks,           depth_space) \
	X(Hardmax,                softmax,          none,         hardmax,          none) \
	X(LRN,                    unary_float,      none,         lrn,              none) \
	X(OneHot,                 one_hot,          none,         one_hot,          none) \
	X(TopK,                   top_k,            none,         top_k,            none) \
	X(GatherElements,         gather_elements,  none,         gather_elements,  none) \
	X(GatherND,               gather_nd,        none,         gather_nd,        none) \
	X(ScatterElements,        scatter_elements, none,         scatter_elements, none) \
	X(Scatter,                scatter_elements, none,         scatter_elements, none) \
	X(ScatterND,              scatter_nd,       none,         scatter_nd,       none) \
	X(ScatterRows,            scatter_rows,     scatter_rows, none,             scatter_rows) \
	X(ReverseSequence,        reverse_sequence, none,         reverse_sequence, none) \
	X(Compress,               compress,         none,         compress,         none) \
	X(Resize,                 resize,           none,         resize,           none) \
	X(Upsample,               resize,           none,         resize,           none) \
	X(Trilu,                  trilu,            trilu,        trilu,            none) \
	/* others take their place while shapes are inferred */ \
	X(TensorScatter,          tensor_scatter,   none,         none,             none) \
	X(CenterCropPad,          center_crop_pad,  none,         none,             none) \
	X(Col2Im,                 col2im,           none,         none,             none) \
	X(Det,                    det,              none,         none,             none) \
	X(AffineGrid,             affine_grid,      none,         none,             none) \
	X(GridSample,             grid_sample,      none,         none,             none) \
	X(RoiAlign,               roi_align,        none,         none,             none) \
	X(NegativeLogLikelihoodLoss,loss,             none,         none,             none) \
	X(SoftmaxCrossEntropyLoss,loss,             none,         none,             none) \
	/* of ONNX Runtime: others take their place while shapes are inferred */ \
	X(FastGelu,               bias_gelu,        none,         none,             none) \
	X(BiasGelu,               bias_gelu,        none,         none,             none) \
	X(QuickGelu,              quick_gelu,       none,         none,             none) \
	X(Swish,                  quick_gelu,       none,         none,             none) \
	X(FusedMatMul,            fused_matmul,     none,         none,             none) \
	X(TransposeMatMul,        fused_matmul,     none,         none,             none) \
	X(FusedConv,              fused_conv,       none,         none,             none) \
	X(FusedGemm,              fused_conv,       none,         none,             none) \
	X(RMSNormalization,       rms_norm,         none,         none,             none) \
	X(SimplifiedLayerNormalization,rms_norm,         none,         none,             none) \
	X(SkipLayerNormalization, skip_layer_norm,  none,         none,             none) \
	X(SkipSimplifiedLayerNormalization,skip_layer_norm,  none,         none,             none) \
	X(EmbedLayerNormalization,embed_layer_norm, none,         none,             none) \
	X(QLinearAdd,             qlinear_binary,   none,         none,             none) \
	X(QLinearMul,             qlinear_binary,   none,         none,             none) \
	X(QLinearSigmoid,         qlinear_unary,    none,         none,             none) \
	X(QLinearLeakyRelu,       qlinear_unary,    none,         none,             none) \
	X(QLinearSoftmax,         qlinear_unary,    none,         none,             none) \
	X(QLinearAveragePool,     qlinear_unary,    none,         none,             none) \
	X(QLinearGlobalAveragePool,qlinear_unary,    none,         none,             none) \
	X(QLinearConcat,          qlinear_concat,   none,         none,             none) \
	X(DynamicQuantizeMatMul,  dynamic_quantize_matmul, none,         none,             none) \
	X(MatMulIntegerToFloat,   matmul_integer_to_float, none,         none,             none) \
	X(QGemm,                  qgemm,            none,         none,             none) \
	X(QLinearWhere,           qlinear_where,    none,         none,             none) \
	X(MatMulNBits,            matmul_nbits,     none,         none,             none) \
	X(DynamicQuantizeLSTM,    dynamic_quantize_lstm, none,         none,             none) \
	X(QAttention,             qattention,       none,         none,             none) \
	X(QEmbedLayerNormalization,qembed_layer_norm, none,         none,             none) \
	X(Attention,              attention,        none,         none,             none) \
	X(MultiHeadAttention,     multi_head_attention, none,         none,             none) \
	X(RotaryEmbedding,        rotary_embedding, none,         none,             none) \
	/* known at compile time */                                            \
	X(Constant,               constant,         none,         none,             none) \
	X(ConstantOfShape,        constant_of_shape, none,         none,             none) \
	X(Shape,                  shape,            none,         none,             none) \
	X(Size,                   size,             none,         none,             none) \
	X(Range,                  range,            range,        none,             none) \
	X(NonZero,               on_host,          none,         none,             none) \
	X(Unique,                on_host,          none,         none,             none) \
	X(EyeLike,                eye_like,         none,         none,             none) \
	X(HannWindow,             cosine_window,    none,         none,             none) \
	X(HammingWindow,          cosine_window,    none,         none,             none) \
	X(BlackmanWindow,         cosine_window,    none,         none,             none) \
	X(MelWeightMatrix,        mel_weight_matrix, none,         none,             none) \
	X(If,                     if,               none,         none,             none) \
	X(Loop,                   loop,             none,         none,             none) \
	X(Scan,                   scan,             none,         none,             none) \
	X(FunctionCall,           function_call,    none,         none,             none) \
	X(SequenceConstruct,      sequence_construct, none,         none,             none) \
	X(SequenceEmpty,          sequence_empty,   none,         none,             none) \
	X(SequenceInsert,         sequence_insert,  none,         none,             none) \
	X(SequenceErase,          sequence_erase,   none,         none,             none) \
	X(SequenceAt,             sequence_at,      none,         none,             none) \
	X(SequenceLength,         sequence_length,  none,         none,             none) \
	X(SequenceMap,            sequence_map,     none,         none,             none) \
	X(SplitToSequence,        split_to_sequence, none,         none,             none) \
	X(ConcatFromSequence,     concat_from_sequence, none,         none,             none) \
	X(Optional,               optional,         none,         none,             none) \
	X(OptionalHasElement,     optional_has_element, none,         none,             none) \
	X(OptionalGetElement,     optional,         none,         none,             none) \
	/* the host alone has them: see host.h */                              \
	X(NonMaxSuppression,     on_host,          none,         none,             none) \
	X(StringNormalizer,      on_host,          none,         none,             none) \
	X(TfIdfVectorizer,       on_host,          none,         none,             none) \
	X(StringConcat,          on_host,          none,         none,             none) \
	X(LabelEncoder,          on_host,          none,         none,             none) \
	X(RandomNormal,          on_host,          none,         none,             none) \
	X(RandomUniform,         on_host,          none,         none,             none) \
	X(RandomNormalLike,      on_host,          none,         none,             none) \
	X(RandomUniformLike,     on_host,          none,         none,             none) \
	X(Bernoulli,             on_host,          none,         none,             none) \
	X(Multinomial,           on_host,          none,         none,             none)

#endif /* COMPILER_OPS_H */
