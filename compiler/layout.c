/* SPDX-License-Identifier: MIT */
/* Views: which element of a tensor lies where in its buffer. */
#include <string.h>

#include "lir.h"

void nc_pack(int rank, const int64_t *dims, const int *order, int64_t *strides)
{
	int64_t stride = 1;
	int i;

	for (i = rank - 1; i >= 0; i--) {
		int dim = order ? order[i] : i;

		strides[dim] = stride;
		stride *= dims[dim];
	}
}

struct nc_view nc_view_dense(struct nc_buf *buf, unsigned int dtype, int rank,
			     const int64_t *dims)
{
	struct nc_view view = { .buf = buf, .dtype = dtype, .rank = rank };
	int i;

	for (i = 0; i < rank; i++)
		view.dims[i] = dims[i];
	nc_pack(rank, dims, NULL, view.strides);
	return view;
}

struct nc_view nc_view_as(const struct nc_view *dense, int rank,
			  const int64_t *dims)
{
	struct nc_view view = nc_view_dense(dense->buf, dense->dtype, rank, dims);

	view.offset = dense->offset;
	return view;
}

int64_t nc_view_numel(const struct nc_view *view)
{
	int64_t n = 1;
	int i;

	for (i = 0; i < view->rank; i++)
		n *= view->dims[i];
	return n;
}

bool nc_view_is_dense(const struct nc_view *view)
{
	int64_t stride = 1;
	int i;

	for (i = view->rank - 1; i >= 0; i--) {
		if (view->dims[i] != 1 && view->strides[i] != stride)
			return false;
		stride *= view->dims[i];
	}
	return true;
}

void nc_view_extent(const struct nc_view *view, int64_t *lo, int64_t *hi)
{
	int64_t size = neuron_dtype_size(view->dtype);
	int i;

	*lo = view->offset;
	*hi = view->offset + size;
	for (i = 0; i < view->rank; i++) {
		int64_t reach = (view->dims[i] - 1) * view->strides[i] * size;

		if (view->dims[i] < 1) {
			*hi = *lo;
			return;
		}
		if (reach < 0)
			*lo += reach;
		else
			*hi += reach;
	}
}

struct nc_view nc_view_permute(const struct nc_view *view, const int *perm)
{
	struct nc_view out = *view;
	int i;

	for (i = 0; i < view->rank; i++) {
		out.dims[i] = view->dims[perm[i]];
		out.strides[i] = view->strides[perm[i]];
	}
	return out;
}

struct nc_view nc_view_box(const struct nc_view *view, const int64_t *lo,
			   const int64_t *n)
{
	struct nc_view out = *view;
	int64_t size = neuron_dtype_size(view->dtype);
	int i;

	for (i = 0; i < view->rank; i++) {
		out.offset += lo[i] * view->strides[i] * size;
		out.dims[i] = n[i];
	}
	return out;
}

struct nc_view nc_view_slice(const struct nc_view *view, int dim, int64_t lo,
			     int64_t n, int64_t step)
{
	struct nc_view out = *view;

	out.offset += lo * view->strides[dim] *
		      (int64_t)neuron_dtype_size(view->dtype);
	out.dims[dim] = n;
	out.strides[dim] *= step;
	return out;
}

/*
 * Walk both shapes from the innermost dimension out. Each group of old
 * dimensions whose product equals that of a group of new ones must be evenly
 * spaced to be split anew; dimensions of 1 fit anywhere.
 */
bool nc_view_reshape(const struct nc_view *view, int rank, const int64_t *dims,
		     struct nc_view *out)
{
	int64_t old_dims[NC_MAX_RANK], old_strides[NC_MAX_RANK];
	struct nc_view res = *view;
	int i, n = 0, o, d;

	/* Merge what is evenly spaced; drop the ones. */
	for (i = 0; i < view->rank; i++) {
		if (view->dims[i] == 0)
			return false;
		if (view->dims[i] == 1)
			continue;
		if (n && old_strides[n - 1] ==
			 view->dims[i] * view->strides[i]) {
			old_dims[n - 1] *= view->dims[i];
			old_strides[n - 1] = view->strides[i];
		} else {
			old_dims[n] = view->dims[i];
			old_strides[n++] = view->strides[i];
		}
	}

	res.rank = rank;
	memset(res.dims, 0, sizeof(res.dims));
	memset(res.strides, 0, sizeof(res.strides));
	o = n - 1;
	for (d = rank - 1; d >= 0; d--) {
		res.dims[d] = dims[d];
		if (dims[d] == 1) {
			/* Keeps a packed view packed. */
			res.strides[d] = d == rank - 1 ? 1 :
				res.dims[d + 1] * res.strides[d + 1];
			continue;
		}
		if (o < 0 || old_dims[o] % dims[d])
			return false;
		res.strides[d] = old_strides[o];
		old_dims[o] /= dims[d];
		old_strides[o] *= dims[d];
		if (old_dims[o] == 1)
			o--;
	}
	if (o >= 0)
		return false;
	*out = res;
	return true;
}

struct nc_view nc_view_expand_rank(const struct nc_view *view, int rank)
{
	struct nc_view out = *view;
	int i, add = rank - view->rank;

	if (add <= 0)
		return out;
	out.rank = rank;
	for (i = rank - 1; i >= add; i--) {
		out.dims[i] = view->dims[i - add];
		out.strides[i] = view->strides[i - add];
	}
	for (i = add - 1; i >= 0; i--) {
		out.dims[i] = 1;
		out.strides[i] = i + 1 < rank ?
			out.dims[i + 1] * out.strides[i + 1] : 1;
	}
	return out;
}

struct nc_view nc_view_broadcast(const struct nc_view *view, int rank,
				 const int64_t *dims)
{
	struct nc_view out = nc_view_expand_rank(view, rank);
	int i;

	for (i = 0; i < rank; i++) {
		if (out.dims[i] == 1 && dims[i] != 1) {
			out.dims[i] = dims[i];
			out.strides[i] = 0;
		}
	}
	return out;
}

void nc_view_order(const struct nc_view *view, int *order)
{
	int i, j;

	/*
	 * Insertion sort by falling stride. Stable; a dimension that repeats
	 * stays where it is.
	 */
	for (i = 0; i < view->rank; i++) {
		int64_t stride = view->strides[i] < 0 ? -view->strides[i] :
							view->strides[i];

		for (j = i; j > 0; j--) {
			int before = order[j - 1];
			int64_t s = view->strides[before];

			if (s < 0)
				s = -s;
			if (!stride || s >= stride)
				break;
			order[j] = before;
		}
		order[j] = i;
	}
}

void nc_channels_last(int rank, int *order)
{
	int i;

	order[0] = 0;
	for (i = 2; i < rank; i++)
		order[i - 1] = i;
	if (rank > 1)
		order[rank - 1] = 1;
}

bool nc_view_equal(const struct nc_view *a, const struct nc_view *b)
{
	int i;

	if (a->buf != b->buf || a->dtype != b->dtype || a->rank != b->rank ||
	    a->offset != b->offset)
		return false;
	for (i = 0; i < a->rank; i++) {
		if (a->dims[i] != b->dims[i])
			return false;
		if (a->dims[i] != 1 && a->strides[i] != b->strides[i])
			return false;
	}
	return true;
}
