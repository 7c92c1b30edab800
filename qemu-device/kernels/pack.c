// SPDX-License-Identifier: MIT
/*
 * Floats' weights to the orders of the library that are plain blocks: a vector's
 * worth of filters innermost, for bf16 in pairs of channels. From weights whose
 * filters are innermost that is little more than a copy.
 */
#include "lib.h"

/* Bytes of a tile. */
#define TILE_BYTES	65536

struct pack {
	const char *src;
	char *dst;
	int64_t filters, channels, kernel[3];
	int64_t padded_channels;
	ptrdiff_t src_channel, src_kernel[3];			/* strides, in elements */
	ptrdiff_t dst_block, dst_channels, dst_kernel[3];
	int64_t block;		/* filters of a block */
	int64_t inner;		/* channels, or pairs of them, inside of a block */
	unsigned int pair;	/* channels side by side: 2 for bf16 */
	size_t tile_blocks;
};

/* The blocks: [channels] x filters [x pairs of channels]. */
static bool find_blocks(struct pack *p, const dnnl_memory_desc_t *packed, int filters,
			int channels)
{
	const dnnl_blocking_desc_t *b = &packed->format_desc.blocking;
	int n = 0;

	p->inner = 1;
	p->pair = packed->data_type == dnnl_bf16 ? 2 : 1;
	if (n < b->inner_nblks && b->inner_idxs[n] == channels)
		p->inner = b->inner_blks[n++];
	if (n >= b->inner_nblks || b->inner_idxs[n] != filters)
		return false;
	p->block = b->inner_blks[n++];
	if (p->pair == 2 && (n >= b->inner_nblks || b->inner_idxs[n] != channels ||
			     b->inner_blks[n++] != 2))
		return false;
	return n == b->inner_nblks;
}

static bool prepare(struct pack *p, const dnnl_memory_desc_t *plain,
		    const dnnl_memory_desc_t *packed, int filters, int channels)
{
	const ptrdiff_t *from = (const ptrdiff_t *)plain->format_desc.blocking.strides;
	const ptrdiff_t *to = (const ptrdiff_t *)packed->format_desc.blocking.strides;
	int spatial = packed->ndims - 2;

	if (packed->format_kind != dnnl_blocked || packed->extra.flags || packed->offset0 ||
	    spatial < 0 || spatial > 3 || plain->ndims != packed->ndims ||
	    (from[filters] != 1 && plain->dims[filters] > 1) ||
	    !find_blocks(p, packed, filters, channels))
		return false;
	p->filters = plain->dims[filters];
	p->channels = plain->dims[channels];
	p->padded_channels = packed->padded_dims[channels];
	p->src_channel = from[channels];
	p->dst_block = to[filters];
	p->dst_channels = to[channels];
	for (int i = 0; i < 3; i++) {
		bool used = i >= 3 - spatial;
		int d = 2 + i - (3 - spatial);

		p->kernel[i] = used ? plain->dims[d] : 1;
		p->src_kernel[i] = used ? from[d] : 0;
		p->dst_kernel[i] = used ? to[d] : 0;
	}
	return true;
}

NK_CLONES static void make_pairs(uint32_t *restrict dst, const uint16_t *restrict even,
				 const uint16_t *restrict odd, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = even[i] | (uint32_t)odd[i] << 16;
}

/* The filters of a block for one channel or one pair; zeros where there are none. */
static void pack_channel(const struct pack *p, const char *src, int64_t channel, int64_t filters,
			 char *dst)
{
	static const uint16_t zeros[1024];
	size_t bytes = 4 * filters;	/* a float, or a pair */

	if (channel >= p->channels) {
		memset(dst, 0, 4 * p->block);
		return;
	}
	if (p->pair == 1)
		memcpy(dst, src, bytes);
	else
		make_pairs((uint32_t *)dst, (const uint16_t *)src, channel + 1 < p->channels ?
			   (const uint16_t *)src + p->src_channel : zeros, filters);
	memset(dst + bytes, 0, 4 * p->block - bytes);
}

static enum nk_status pack_tile(void *arg, size_t tile, unsigned int thread,
				struct nk_stats *stats)
{
	const struct pack *p = arg;
	int64_t first = tile * p->tile_blocks * p->block;
	int64_t end = first + p->tile_blocks * p->block, size = 4 / p->pair;

	(void)thread;
	(void)stats;
	for (int64_t f = first; f < end && f < p->filters; f += p->block) {
		int64_t filters = p->filters - f < p->block ? p->filters - f : p->block;

		for (int64_t d = 0; d < p->kernel[0]; d++)
		for (int64_t h = 0; h < p->kernel[1]; h++)
		for (int64_t w = 0; w < p->kernel[2]; w++) {
			const char *src = p->src + size * (f + d * p->src_kernel[0] +
					  h * p->src_kernel[1] + w * p->src_kernel[2]);
			char *dst = p->dst + size * (f / p->block * p->dst_block +
				    d * p->dst_kernel[0] + h * p->dst_kernel[1] +
				    w * p->dst_kernel[2]);

			for (int64_t c = 0; c < p->padded_channels; c += p->pair) {
				int64_t n = c / p->pair;

				pack_channel(p, src + size * c * p->src_channel, c, filters, dst +
					     size * (n / p->inner) * p->dst_channels +
					     4 * (n % p->inner) * p->block);
			}
		}
	}
	return NK_OK;
}

enum nk_status lib_pack(const struct nk_call *call, const dnnl_memory_desc_t *plain,
			const void *src, const dnnl_memory_desc_t *packed, void *dst, int filters)
{
	struct pack p = { .src = src, .dst = dst };
	int64_t blocks, bytes;

	if ((packed->data_type != dnnl_f32 && packed->data_type != dnnl_bf16) ||
	    !prepare(&p, plain, packed, filters, !filters) || p.block > 1024)
		return NK_UNSUPPORTED;
	blocks = (p.filters + p.block - 1) / p.block;
	bytes = 4 / p.pair * p.block * p.padded_channels * p.kernel[0] * p.kernel[1] * p.kernel[2];
	p.tile_blocks = bytes < TILE_BYTES ? TILE_BYTES / bytes : 1;
	return nk_parallel(call, (blocks + p.tile_blocks - 1) / p.tile_blocks, pack_tile, &p);
}
