/* SPDX-License-Identifier: MIT */
/*
 * The matrix products and convolutions that are measured, and programs that make them.
 *
 * One list for both sides of the ratio: through the device, and through the
 * library called directly.
 */
#ifndef TESTS_BENCH_PRODUCT_H
#define TESTS_BENCH_PRODUCT_H

#include <stddef.h>
#include <stdint.h>
#include <neuron/isa.h>

/**
 * struct bench_product - a product of matrices, or a convolution
 * @name: for the table
 * @in: type of the first operand
 * @weight: type of the second
 * @out: type of the result
 * @m: rows of the first matrix, or columns and rows of the picture
 * @n: columns of the second matrix, or filters
 * @k: length of the sums, or channels
 * @kernel: columns and rows of the filters, which are moved by one and padded so that the
 *	    picture keeps its size; 0: a product of matrices
 */
struct bench_product {
	const char *name;
	enum neuron_dtype in, weight, out;
	uint32_t m, n, k;
	uint32_t kernel;
};

#define BENCH_PRODUCTS	17
extern const struct bench_product bench_products[BENCH_PRODUCTS];

/*
 * Measure what is asked for: a line on standard input is a product's name. So two programs
 * can be asked by turns, each product within the same second. Return: an exit status.
 */
int bench_products_asked(void (*measure)(void *arg, const struct bench_product *p), void *arg);

/* Multiplications. */
double bench_product_macs(const struct bench_product *p);

/*
 * How often it is repeated between two looks at the clock, on both sides. A job costs some
 * 100 us in the VM, and that moves by as much as a small product takes: so often that the
 * products take twenty times as long as it on any host that we know.
 */
unsigned int bench_product_times(const struct bench_product *p);

/* Bytes of the first operand, and of both, one after the other. */
size_t bench_product_in_bytes(const struct bench_product *p);
size_t bench_product_bytes(const struct bench_product *p);
size_t bench_product_out_bytes(const struct bench_product *p);

/* Fill both operands with small numbers that every type can hold. */
void bench_product_fill(const struct bench_product *p, void *data);

/* A program of one NOP, into @buf of at least 4096 bytes. Return: its size. */
size_t bench_program_nop(void *buf);

/* Bytes of a program that makes a product @times times. */
size_t bench_program_size(unsigned int times);

/*
 * A program that loads both operands from slot 1 and multiplies them @times times, into @buf
 * of bench_program_size(). Pictures have their channels innermost. Return: its size.
 */
size_t bench_program_product(void *buf, const struct bench_product *p, unsigned int times);

#endif /* TESTS_BENCH_PRODUCT_H */
