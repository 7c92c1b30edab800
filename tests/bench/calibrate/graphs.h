/* SPDX-License-Identifier: MIT */
/*
 * The networks whose speed on the real chip is published, with weights drawn by
 * lot: what a chip takes for them does not depend on the weights.
 */
#ifndef TESTS_BENCH_GRAPHS_H
#define TESTS_BENCH_GRAPHS_H

#include <stdbool.h>
#include <stddef.h>

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
 * graph_bert_base() - the encoder of BERT base
 * @batch: sequences at once
 * @length: tokens of each
 * @size: receives the bytes of the model
 *
 * Twelve layers of 768 features, 12 heads and 3072 features in between, an
 * attention mask, and the pooled first token's two classes. Embedded tokens come
 * in: looking them up is no work for this chip's engines.
 *
 * Return: an ONNX model, from malloc().
 */
void *graph_bert_base(int batch, int length, size_t *size);

#endif /* TESTS_BENCH_GRAPHS_H */
