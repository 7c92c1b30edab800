/* SPDX-License-Identifier: MIT */
/*
 * The sliding window of convolutions and pools, from attributes and shapes.
 */
#ifndef COMPILER_WINDOW_H
#define COMPILER_WINDOW_H

#include "graph.h"

#define NC_MAX_SPATIAL	3

/**
 * struct nc_window - geometry of a Conv, ConvTranspose or pool
 * @num_spatial: spatial dimensions, 1 to NC_MAX_SPATIAL
 * @groups: groups of channels; 1 for pools
 * @kernel: window size
 * @stride: step of the window (of the output for ConvTranspose)
 * @dilation: distance of the window's elements
 * @pad_lo: padding before the first element; negative crops
 * @pad_hi: padding after the last element, with that which ceil_mode adds
 * @over: how much of @pad_hi is what ceil_mode adds
 * @out: output size
 */
struct nc_window {
	int num_spatial;
	int64_t groups;
	int64_t kernel[NC_MAX_SPATIAL];
	int64_t stride[NC_MAX_SPATIAL];
	int64_t dilation[NC_MAX_SPATIAL];
	int64_t pad_lo[NC_MAX_SPATIAL];
	int64_t pad_hi[NC_MAX_SPATIAL];
	int64_t over[NC_MAX_SPATIAL];
	int64_t out[NC_MAX_SPATIAL];
};

/**
 * nc_window() - work out a node's window
 * @node: Conv, ConvTranspose, MaxPool, AveragePool or LpPool with known input
 *	  shapes
 * @window: receives the geometry, auto_pad resolved
 *
 * Return: NULL, or what is wrong with the node, as a static text.
 */
const char *nc_window(const struct nc_node *node, struct nc_window *window);

#endif /* COMPILER_WINDOW_H */
