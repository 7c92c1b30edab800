/* SPDX-License-Identifier: MIT */
/*
 * The matrix products that are measured, and programs that make them.
 *
 * One list for both sides of the ratio: through the device, and through the
 * library called directly.
 */
#ifndef TESTS_BENCH_GEMM_H
#define TESTS_BENCH_GEMM_H

#include <stddef.h>
#include <stdint.h>
#include <neuron/isa.h>

/**
 * struct bench_gemm - a product of an m x k and a k x n matrix
 * @name: for the table
 * @dtype: of both operands
 * @m: rows of the first
 * @n: columns of the second
 * @k: length of the sums
 */
struct bench_gemm {
	const char *name;
	enum neuron_dtype dtype;
	uint32_t m, n, k;
};

#define BENCH_GEMMS	6
extern const struct bench_gemm bench_gemms[BENCH_GEMMS];

/* Bytes of both operands, one after the other. */
size_t bench_gemm_bytes(const struct bench_gemm *gemm);

/* Fill both operands with small numbers that every type can hold. */
void bench_gemm_fill(const struct bench_gemm *gemm, void *data);

/* A program of one NOP, into @buf of at least 4096 bytes. Return: its size. */
size_t bench_program_nop(void *buf);

/*
 * A program that loads both operands from slot 1 and multiplies them @times times, into @buf
 * of at least 16384 bytes. Return: its size.
 */
size_t bench_program_gemm(void *buf, const struct bench_gemm *gemm, unsigned int times);

#endif /* TESTS_BENCH_GEMM_H */
