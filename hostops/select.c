// SPDX-License-Identifier: MIT
/* Operators that choose elements: how many depends on what they are. */
#include <math.h>
#include "priv.h"

static bool is_nonzero(const struct hostop_tensor *t, uint64_t i)
{
	return hostop_is_float(t->dtype) ? num(t, i) != 0 : integer(t, i) != 0;
}

enum hostop_status hostop_nonzero(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	uint64_t n = hostop_count(x), i, k = 0, count = 0;
	enum hostop_status status;
	uint32_t dims[2], d;
	int64_t *to;

	if (x->dtype == NEURON_NEFF_STRING || call->most[0]->dtype != NEURON_NEFF_I64)
		return hostop_fail(call, HOSTOP_INVALID, "it takes numbers and gives int64");
	for (i = 0; i < n; i++)
		count += is_nonzero(x, i);
	if (count > UINT32_MAX)
		return hostop_fail(call, HOSTOP_TOO_LARGE, "its result is too large");
	/* A scalar counts as one element of one dimension. */
	dims[0] = x->rank ? x->rank : 1;
	dims[1] = count;
	status = hostop_make(call, 0, 2, dims);
	if (status)
		return status;
	to = call->out[0].data;
	for (i = 0; i < n; i++) {
		uint64_t rest = i;

		if (!is_nonzero(x, i))
			continue;
		for (d = x->rank; d-- > 0; rest /= x->dims[d])
			to[d * count + k] = rest % x->dims[d];
		k++;
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_compress(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *condition = in(call, 1);
	struct hostop_tensor flat = *x;
	uint64_t inner, outer, n, i, k, o, count = 0;
	enum hostop_status status;
	int64_t axis = call->ints[1];
	size_t size;
	char *to;

	if (!call->ints[0]) {
		if (hostop_count(x) > UINT32_MAX)
			return hostop_fail(call, HOSTOP_INVALID, "its input is too large");
		memset(flat.dims, 0, sizeof(flat.dims));
		flat.rank = 1;
		flat.dims[0] = hostop_count(x);
		axis = 0;
	}
	if (!fix_axis(&axis, flat.rank) || condition->rank != 1 ||
	    condition->dtype != NEURON_NEFF_BOOL || call->most[0]->dtype != x->dtype)
		return hostop_fail(call, HOSTOP_INVALID, "its axis or condition is none");
	n = condition->dims[0];
	if (n > flat.dims[axis])
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its condition has %u elements, its input %u",
				   condition->dims[0], flat.dims[axis]);
	outer = span(&flat, 0, axis);
	inner = span(&flat, axis + 1, flat.rank);
	size = inner * hostop_size(x->dtype);
	k = flat.dims[axis];
	for (i = 0; i < n; i++)
		count += integer(condition, i) != 0;
	flat.dims[axis] = count;
	status = hostop_make_like(call, 0, &flat);
	if (status || !hostop_count(&flat))
		return status;
	to = call->out[0].data;
	for (o = 0; o < outer; o++) {
		for (i = 0; i < n; i++) {
			if (!integer(condition, i))
				continue;
			memcpy(to, at(x, (o * k + i) * inner), size);
			to += size;
		}
	}
	return HOSTOP_OK;
}

/*
 * Unique
 */

/**
 * struct slice - a slice of the input, or an element of it
 * @x: the input
 * @first: its first element
 * @inner: elements that lie together
 * @outer: number of such runs
 * @step: distance of the runs
 * @number: which one it is
 */
struct slice {
	const struct hostop_tensor *x;
	uint64_t first, inner, outer, step, number;
};

static int compare_slices(const struct slice *a, const struct slice *b)
{
	uint64_t o, i;
	int order;

	for (o = 0; o < a->outer; o++) {
		for (i = 0; i < a->inner; i++) {
			order = hostop_order(a->x, a->first + o * a->step + i,
					     b->x, b->first + o * b->step + i);
			if (order)
				return order;
		}
	}
	return 0;
}

/* By contents, then by position. */
static int by_contents(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	int order = compare_slices(x, y);

	return order ? order : x->number < y->number ? -1 : 1;
}

/* Groups of equal slices: the first of each, how many, and the order of contents. */
struct group {
	struct slice first;
	uint64_t count;
	uint64_t number;
};

static int by_first(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->first.number < y->first.number ? -1 : 1;
}

struct unique {
	uint64_t count, n;
	struct slice *slices;
	struct group *groups;
	uint64_t *group_of;
	uint64_t *place;
};

static void find_groups(struct unique *u, bool sorted)
{
	uint64_t i;

	if (u->count)
		qsort(u->slices, u->count, sizeof(*u->slices), by_contents);
	for (i = 0; i < u->count; i++) {
		if (!i || compare_slices(&u->slices[i - 1], &u->slices[i])) {
			u->groups[u->n].first = u->slices[i];
			u->groups[u->n].number = u->n;
			u->n++;
		}
		u->groups[u->n - 1].count++;
		u->group_of[u->slices[i].number] = u->n - 1;
	}
	if (u->n && !sorted)
		qsort(u->groups, u->n, sizeof(*u->groups), by_first);
	for (i = 0; i < u->n; i++)
		u->place[u->groups[i].number] = i;
}

static enum hostop_status put_groups(struct hostop_call *call, const struct unique *u,
				     const struct hostop_tensor *x, bool has_axis,
				     int64_t axis)
{
	uint32_t dims[RANK] = { 0 }, n = u->n, count = u->count;
	const struct slice *s = u->slices;
	enum hostop_status status;
	size_t size = hostop_size(x->dtype);
	uint64_t i, o;
	char *to;

	if (has_axis)
		memcpy(dims, x->dims, sizeof(dims));
	dims[has_axis ? axis : 0] = n;
	status = hostop_make(call, 0, has_axis ? x->rank : 1, dims);
	if (!status)
		status = hostop_make(call, 1, 1, &n);
	if (!status)
		status = hostop_make(call, 2, 1, &count);
	if (!status)
		status = hostop_make(call, 3, 1, &n);
	if (status)
		return status;
	for (i = 0; i < n; i++) {
		if (wanted(call, 1))
			hostop_put_int(call->most[1]->dtype, call->out[1].data, i,
				       u->groups[i].first.number);
		if (wanted(call, 3))
			hostop_put_int(call->most[3]->dtype, call->out[3].data, i,
				       u->groups[i].count);
	}
	for (i = 0; i < count && wanted(call, 2); i++)
		hostop_put_int(call->most[2]->dtype, call->out[2].data, i,
			       u->place[u->group_of[i]]);
	if (!wanted(call, 0) || !n)
		return HOSTOP_OK;
	to = call->out[0].data;
	for (o = 0; o < s->outer; o++) {
		for (i = 0; i < n; i++) {
			memcpy(to, at(x, u->groups[i].first.first + o * s->step),
			       s->inner * size);
			to += s->inner * size;
		}
	}
	return HOSTOP_OK;
}

static bool is_int64(const struct hostop_call *call, uint32_t out)
{
	return !wanted(call, out) || call->most[out]->dtype == NEURON_NEFF_I64;
}

enum hostop_status hostop_unique(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	enum hostop_status status = HOSTOP_NO_MEMORY;
	bool has_axis = call->ints[0];
	struct unique u = { .count = hostop_count(x) };
	int64_t axis = call->ints[1];
	uint64_t inner = 1, outer = 1, i;

	if ((has_axis && !fix_axis(&axis, x->rank)) || u.count > UINT32_MAX ||
	    (wanted(call, 0) && call->most[0]->dtype != x->dtype) ||
	    !is_int64(call, 1) || !is_int64(call, 2) || !is_int64(call, 3))
		return hostop_fail(call, HOSTOP_INVALID, "its axis is out of range, or its input too large");
	if (has_axis) {
		u.count = x->dims[axis];
		outer = span(x, 0, axis);
		inner = span(x, axis + 1, x->rank);
	}
	u.slices = calloc(u.count + 1, sizeof(*u.slices));
	u.groups = calloc(u.count + 1, sizeof(*u.groups));
	u.group_of = calloc(u.count + 1, sizeof(*u.group_of));
	u.place = calloc(u.count + 1, sizeof(*u.place));
	if (u.slices && u.groups && u.group_of && u.place) {
		for (i = 0; i < u.count; i++)
			u.slices[i] = (struct slice) { x, i * inner, inner, outer,
						       inner * u.count, i };
		find_groups(&u, call->ints[2]);
		status = put_groups(call, &u, x, has_axis, axis);
	}
	free(u.slices);
	free(u.groups);
	free(u.group_of);
	free(u.place);
	return status;
}

/*
 * NonMaxSuppression
 */

/* The corners, whatever their order. */
struct box {
	double y1, x1, y2, x2;
};

static struct box get_box(const struct hostop_tensor *boxes, uint64_t i, bool center)
{
	double a = num(boxes, 4 * i), b = num(boxes, 4 * i + 1);
	double c = num(boxes, 4 * i + 2), d = num(boxes, 4 * i + 3);

	if (center)	/* x, y, width, height */
		return (struct box) { b - d / 2, a - c / 2, b + d / 2, a + c / 2 };
	return (struct box) { fmin(a, c), fmin(b, d), fmax(a, c), fmax(b, d) };
}

static double area(const struct box *b)
{
	return (b->y2 - b->y1) * (b->x2 - b->x1);
}

static bool overlap(const struct box *a, const struct box *b, double threshold)
{
	double h = fmin(a->y2, b->y2) - fmax(a->y1, b->y1);
	double w = fmin(a->x2, b->x2) - fmax(a->x1, b->x1);
	double common = h > 0 && w > 0 ? h * w : 0;
	double all = area(a) + area(b) - common;

	if (area(a) <= 0 || area(b) <= 0)
		return false;
	return all > 0 && common / all > threshold;
}

struct candidate {
	double score;
	uint64_t box;
};

static int by_score(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->box < y->box ? -1 : 1;
}

/**
 * struct nms - what to select, and what has been
 * @boxes: [batches, boxes, 4]
 * @scores: [batches, classes, boxes]
 * @center: how boxes are given
 * @most: of each class
 * @iou: boxes that overlap more than this are one
 * @has_least: boxes have to have a score above @least
 * @least: see @has_least
 * @candidates: room for all boxes
 * @chosen: room for their indices
 */
struct nms {
	const struct hostop_tensor *boxes, *scores;
	bool center;
	int64_t most;
	double iou;
	bool has_least;
	double least;
	struct candidate *candidates;
	uint64_t *chosen;
};

/* The boxes of one class, into @nms->chosen. Return: how many. */
static uint64_t choose_boxes(struct nms *nms, uint64_t batch, uint64_t class)
{
	uint64_t boxes = nms->boxes->dims[1], first = batch * boxes, n = 0, count = 0, i, k;
	uint64_t row = (batch * nms->scores->dims[1] + class) * boxes;

	for (i = 0; i < boxes; i++) {
		double score = num(nms->scores, row + i);

		if (score != score || (nms->has_least && score <= nms->least))
			continue;
		nms->candidates[n++] = (struct candidate) { score, i };
	}
	if (n)
		qsort(nms->candidates, n, sizeof(*nms->candidates), by_score);
	for (i = 0; i < n && (int64_t)count < nms->most; i++) {
		struct box box = get_box(nms->boxes, first + nms->candidates[i].box,
					 nms->center);

		for (k = 0; k < count; k++) {
			struct box other = get_box(nms->boxes, first + nms->chosen[k],
						   nms->center);

			if (overlap(&box, &other, nms->iou))
				break;
		}
		if (k == count)
			nms->chosen[count++] = nms->candidates[i].box;
	}
	return count;
}

/* All of them: counted, and put where there is a place. */
static uint64_t suppress(struct nms *nms, int64_t *to)
{
	uint64_t batch, class, count, total = 0, i;

	for (batch = 0; batch < nms->boxes->dims[0]; batch++) {
		for (class = 0; class < nms->scores->dims[1]; class++) {
			count = choose_boxes(nms, batch, class);
			for (i = 0; i < count && to; i++) {
				*to++ = batch;
				*to++ = class;
				*to++ = nms->chosen[i];
			}
			total += count;
		}
	}
	return total;
}

/* An input of one number, or what holds without it. */
static double single(const struct hostop_call *call, uint32_t i, double otherwise)
{
	return in(call, i) && hostop_count(in(call, i)) ? num(in(call, i), 0) : otherwise;
}

enum hostop_status hostop_nms(struct hostop_call *call)
{
	struct nms nms = { .boxes = in(call, 0), .scores = in(call, 1) };
	enum hostop_status status = HOSTOP_NO_MEMORY;
	uint32_t dims[2] = { 0, 3 };
	uint64_t total;

	if (nms.boxes->rank != 3 || nms.scores->rank != 3 || nms.boxes->dims[2] != 4 ||
	    nms.boxes->dims[0] != nms.scores->dims[0] ||
	    nms.boxes->dims[1] != nms.scores->dims[2])
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its boxes and scores do not fit each other");
	if (call->most[0]->dtype != NEURON_NEFF_I64)
		return hostop_fail(call, HOSTOP_INVALID, "it gives int64");
	nms.center = call->ints[0];
	nms.most = in(call, 2) && hostop_count(in(call, 2)) ? integer(in(call, 2), 0) : 0;
	nms.iou = single(call, 3, 0);
	nms.has_least = in(call, 4) && hostop_count(in(call, 4));
	nms.least = single(call, 4, 0);
	nms.candidates = calloc((size_t)nms.boxes->dims[1] + 1, sizeof(*nms.candidates));
	nms.chosen = calloc((size_t)nms.boxes->dims[1] + 1, sizeof(*nms.chosen));
	if (nms.candidates && nms.chosen) {
		total = suppress(&nms, NULL);
		dims[0] = total;
		status = total > UINT32_MAX ?
			 hostop_fail(call, HOSTOP_TOO_LARGE, "its result is too large") :
			 hostop_make(call, 0, 2, dims);
		if (!status)
			suppress(&nms, call->out[0].data);
	}
	free(nms.candidates);
	free(nms.chosen);
	return status;
}

/*
 * TopK
 */

struct ranked {
	const struct hostop_tensor *x;
	uint64_t at, number;
	bool largest;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *p = a, *q = b;
	int order = hostop_order(p->x, p->at, q->x, q->at);

	if (order)
		return p->largest ? -order : order;
	return p->number < q->number ? -1 : 1;
}

enum hostop_status hostop_topk(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *k = in(call, 1);
	int64_t axis = call->ints[0], count;
	struct hostop_tensor shape = *x;
	uint64_t outer, inner, n, o, i, j;
	enum hostop_status status;
	struct ranked *row;

	if (!fix_axis(&axis, x->rank) || x->dtype == NEURON_NEFF_STRING ||
	    hostop_count(k) != 1 || (wanted(call, 0) && call->most[0]->dtype != x->dtype) ||
	    !is_int64(call, 1))
		return hostop_fail(call, HOSTOP_INVALID, "its axis or k is none");
	n = x->dims[axis];
	count = integer(k, 0);
	if (count < 0 || (uint64_t)count > n)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "it is to give %lld of %llu elements",
				   (long long)count, (unsigned long long)n);
	shape.dims[axis] = count;
	status = hostop_make_like(call, 0, &shape);
	if (!status)
		status = hostop_make_like(call, 1, &shape);
	if (status)
		return status;
	row = calloc(n + 1, sizeof(*row));
	if (!row)
		return HOSTOP_NO_MEMORY;
	outer = span(x, 0, axis);
	inner = span(x, axis + 1, x->rank);
	for (o = 0; o < outer * inner && n && count; o++) {
		uint64_t first = o / inner * n * inner + o % inner;
		uint64_t to = o / inner * count * inner + o % inner;

		for (j = 0; j < n; j++)
			row[j] = (struct ranked) { x, first + j * inner, j, call->ints[1] };
		qsort(row, n, sizeof(*row), by_rank);
		for (i = 0; i < (uint64_t)count; i++) {
			if (wanted(call, 0))
				memcpy(put_at(&call->out[0], to + i * inner),
				       at(x, row[i].at), hostop_size(x->dtype));
			if (wanted(call, 1))
				((int64_t *)call->out[1].data)[to + i * inner] =
					row[i].number;
		}
	}
	free(row);
	return HOSTOP_OK;
}

/*
 * Results made of nothing but numbers
 */

enum hostop_status hostop_range(struct hostop_call *call)
{
	const struct hostop_tensor *first = in(call, 0);
	double start = single(call, 0, 0), limit = single(call, 1, 0);
	double delta = single(call, 2, 0), count;
	enum hostop_status status;
	uint32_t n, i, dtype = call->most[0]->dtype;

	for (i = 0; i < 3; i++)
		if (hostop_count(in(call, i)) != 1 || in(call, i)->dtype != first->dtype ||
		    dtype != first->dtype || dtype == NEURON_NEFF_STRING)
			return hostop_fail(call, HOSTOP_INVALID, "its start, limit and delta are no single numbers of one type");
	count = ceil((limit - start) / delta);
	if (!(fabs(count) < UINT32_MAX))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "it never ends, or its result is too large");
	n = count > 0 ? count : 0;
	status = hostop_make(call, 0, 1, &n);
	for (i = 0; i < n && !status; i++) {
		if (hostop_is_float(dtype))
			hostop_put_double(dtype, call->out[0].data, i, start + i * delta);
		else
			hostop_put_int(dtype, call->out[0].data, i,
				       (int64_t)((uint64_t)integer(in(call, 0), 0) +
						 i * (uint64_t)integer(in(call, 2), 0)));
	}
	return status;
}

enum hostop_status hostop_constant_of_shape(struct hostop_call *call)
{
	const struct hostop_tensor *value = in(call, 1);
	enum hostop_status status;
	int64_t dims[RANK];
	uint32_t shape[RANK];
	uint64_t n, i;
	int rank, d;

	rank = hostop_ints(call, 0, dims, RANK);
	if (rank < 0)
		return HOSTOP_BAD_INPUT;
	if (hostop_count(value) != 1 || call->most[0]->dtype != value->dtype)
		return hostop_fail(call, HOSTOP_INVALID, "its value is no single element");
	for (d = 0; d < rank; d++) {
		if (dims[d] < 0 || dims[d] > UINT32_MAX)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "a dimension is %lld",
					   (long long)dims[d]);
		shape[d] = dims[d];
	}
	status = hostop_make(call, 0, rank, shape);
	if (status)
		return status;
	n = hostop_count(&call->out[0]);
	for (i = 0; i < n; i++)
		memcpy(put_at(&call->out[0], i), value->data, hostop_size(value->dtype));
	return HOSTOP_OK;
}
