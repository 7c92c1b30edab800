/* SPDX-License-Identifier: MIT */
/*
 * Large networks with weights drawn by lot: what a chip takes for them does not
 * depend on the weights. The speed of the first two on the real chip is published.
 */
#ifndef TESTS_BENCH_GRAPHS_H
#define TESTS_BENCH_GRAPHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * graph_resnet50() - ResNet-50 for images of 224 x 224
 * @batch: images at once
 * @half: all is fp16, or fp32
 * @size: receives the bytes of the model
 *
 * Version 1.5: the 3 x 3 convolutions have the strides. Batch normalisation is
 * part of the convolutions, as exporters leave it.
 *
 * Return: an ONNX model, from malloc().
 */
void *graph_resnet50(int batch, bool half, size_t *size);

/**
 * graph_yolo4() - YOLO v4 up to the three maps that boxes are made of
 * @side: of the square image
 * @size: receives the bytes of the model
 *
 * Return: an ONNX model, from malloc().
 */
void *graph_yolo4(int side, size_t *size);

/**
 * graph_bert() - the encoder of BERT and its relatives
 * @layers: 12 in BERT base, 24 in BERT large, 6 in the distilled ones
 * @wide: features: 768, in BERT large 1024; a head for each 64, and four times as many
 *	  in between
 * @batch: sequences at once
 * @length: tokens of each
 * @bytes: weights of 8 bits, and what they are multiplied with quantized for each execution
 * @size: receives the bytes of the model
 *
 * With an attention mask, and the pooled first token's two classes. Embedded tokens
 * come in: looking them up is no work for this chip's engines.
 *
 * Return: an ONNX model, from malloc().
 */
void *graph_bert(int layers, int wide, int batch, int length, bool bytes, size_t *size);

/**
 * graph_mobilenet_v2() - MobileNetV2 for an image of 224 x 224, width 1
 * @size: receives the bytes of the model
 *
 * Return: an ONNX model, from malloc().
 */
void *graph_mobilenet_v2(size_t *size);

/**
 * graph_input() - a tensor of numbers drawn by lot
 * @low: the least
 * @range: how far above it they go
 * @rank: dimensions
 * @dims: their sizes
 * @size: receives the bytes of the tensor
 *
 * Return: an ONNX TensorProto of floats, from malloc().
 */
void *graph_input(float low, float range, int rank, const int64_t *dims, size_t *size);

#endif /* TESTS_BENCH_GRAPHS_H */
