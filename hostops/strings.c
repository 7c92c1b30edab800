// SPDX-License-Identifier: MIT
/*
 * Strings: STRING bytes each, filled up with NUL. Case is changed for ASCII alone,
 * and text is compared byte by byte, whatever the locale is.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include "priv.h"

/* What the locale has as the decimal point is of no interest here. */
static locale_t plain_locale(void)
{
	static locale_t locale;
	locale_t made, none = (locale_t)0;

	if (__atomic_load_n(&locale, __ATOMIC_ACQUIRE))
		return locale;
	made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (made && !__atomic_compare_exchange_n(&locale, &none, made, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		freelocale(made);
	return locale;
}

enum hostop_status hostop_parse(struct hostop_call *call, const char *text, double *x)
{
	char *end;

	*x = strtod_l(text, &end, plain_locale());
	while (*end == ' ')
		end++;
	if (end != text && !*end)
		return HOSTOP_OK;
	*x = 0;
	return hostop_fail(call, HOSTOP_BAD_INPUT, "'%.60s' is no number", text);
}

/* ONNX wants the fewest digits that say which number it is. */
static void format_float(uint32_t dtype, double x, char *text)
{
	int digits, most = dtype == NEURON_NEFF_F64 ? 17 : 9;
	locale_t before = uselocale(plain_locale());
	double back;

	if (isnan(x))
		strcpy(text, "NaN");
	else if (isinf(x))
		strcpy(text, x > 0 ? "INF" : "-INF");
	for (digits = 1; digits <= most && isfinite(x); digits++) {
		snprintf(text, STRING, "%.*g", digits, x);
		back = strtod_l(text, NULL, plain_locale());
		if (dtype == NEURON_NEFF_F64 ? back == x : (float)back == (float)x)
			break;
	}
	uselocale(before);
}

void hostop_format_element(const struct hostop_tensor *x, uint64_t i, char *text)
{
	if (hostop_is_float(x->dtype))
		format_float(x->dtype, num(x, i), text);
	else if (x->dtype == NEURON_NEFF_U64)
		snprintf(text, STRING, "%llu", (unsigned long long)integer(x, i));
	else
		snprintf(text, STRING, "%lld", (long long)integer(x, i));
}

static void change_case(char *text, int64_t how)
{
	for (; *text; text++) {
		if (how == 1 && *text >= 'A' && *text <= 'Z')
			*text += 'a' - 'A';
		else if (how == 2 && *text >= 'a' && *text <= 'z')
			*text -= 'a' - 'A';
	}
}

static bool is_stopword(const struct hostop_tensor *words, const char *text,
			bool case_sensitive)
{
	char a[STRING], b[STRING];
	uint64_t i, n = words ? hostop_count(words) : 0;

	memcpy(a, text, STRING);
	if (!case_sensitive)
		change_case(a, 1);
	for (i = 0; i < n; i++) {
		memcpy(b, at(words, i), STRING);
		if (!case_sensitive)
			change_case(b, 1);
		if (!strncmp(a, b, STRING))
			return true;
	}
	return false;
}

/* [C] or [1, C]: what is no stopword, or one empty string. */
enum hostop_status hostop_normalize_strings(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *words = in(call, 1);
	uint64_t n = hostop_count(x), i, k = 0;
	uint32_t dims[2] = { 1, 0 };
	enum hostop_status status;

	if (x->dtype != NEURON_NEFF_STRING || call->most[0]->dtype != NEURON_NEFF_STRING ||
	    (words && words->dtype != NEURON_NEFF_STRING))
		return hostop_fail(call, HOSTOP_INVALID, "it takes strings and gives strings");
	if ((x->rank != 1 && x->rank != 2) || (x->rank == 2 && x->dims[0] != 1))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its input is neither [C] nor [1, C]");
	for (i = 0; i < n; i++)
		k += !is_stopword(words, at(x, i), call->ints[1]);
	dims[x->rank - 1] = k ? k : 1;
	status = hostop_make(call, 0, x->rank, dims);
	for (i = 0, k = 0; i < n && !status; i++) {
		if (is_stopword(words, at(x, i), call->ints[1]))
			continue;
		memcpy(put_at(&call->out[0], k), at(x, i), STRING);
		change_case(put_at(&call->out[0], k++), call->ints[0]);
	}
	return status;
}

enum hostop_status hostop_string_concat(struct hostop_call *call)
{
	const struct hostop_tensor *a = in(call, 0), *b = in(call, 1);
	enum hostop_status status;
	struct walk walk;
	uint64_t i, n;

	if (a->dtype != NEURON_NEFF_STRING || b->dtype != NEURON_NEFF_STRING ||
	    call->most[0]->dtype != NEURON_NEFF_STRING)
		return hostop_fail(call, HOSTOP_INVALID, "it takes strings and gives strings");
	status = hostop_make_broadcast(call, &walk, &n);
	if (status)
		return status;
	for (i = 0; i < n; i++, walk_next(&walk)) {
		const char *x = at(a, walk.at[0]), *y = at(b, walk.at[1]);
		size_t len = strnlen(x, STRING);

		if (len + strnlen(y, STRING) >= STRING)
			return hostop_fail(call, HOSTOP_TOO_LARGE, "a string would get longer than %d bytes",
					   STRING - 1);
		memcpy(put_at(&call->out[0], i), x, len);
		memcpy(put_at(&call->out[0], i) + len, y, strnlen(y, STRING));
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_label_encoder(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *keys = in(call, 1);
	const struct hostop_tensor *values = in(call, 2), *other = in(call, 3);
	uint64_t n = hostop_count(x), count = hostop_count(keys), i, k;
	enum hostop_status status;

	if (keys->dtype != x->dtype || values->dtype != call->most[0]->dtype ||
	    other->dtype != values->dtype || hostop_count(values) != count ||
	    hostop_count(other) != 1)
		return hostop_fail(call, HOSTOP_INVALID, "its keys and values do not fit each other");
	status = hostop_make_like(call, 0, x);
	for (i = 0; i < n && !status; i++) {
		/* NaN is a key as others are. */
		for (k = 0; k < count && hostop_order(x, i, keys, k); k++)
			;
		memcpy(put_at(&call->out[0], i), k < count ? at(values, k) : other->data,
		       hostop_size(values->dtype));
	}
	return status;
}

/*
 * TfIdfVectorizer
 */

/**
 * struct grams - what to count
 * @pool: all n-grams: those of one element, those of two, ...
 * @starts: where those of each length begin in @pool
 * @lengths: entries of @starts
 * @indexes: by n-gram: element of the result
 * @weights: by n-gram, or NULL
 */
struct grams {
	const struct hostop_tensor *pool, *starts, *indexes, *weights;
	uint64_t lengths;
};

/* The n-grams of @length: [*first, *first + *count) in elements of the pool. */
static bool grams_of(const struct grams *g, uint64_t length, uint64_t *first,
		     uint64_t *count, uint64_t *number)
{
	uint64_t size = hostop_count(g->pool), i, end;

	if (length > g->lengths)
		return false;
	*number = 0;
	for (i = 1; i <= length; i++) {
		*first = integer(g->starts, i - 1);
		end = i < g->lengths ? (uint64_t)integer(g->starts, i) : size;
		if (*first > end || end > size || (end - *first) % i)
			return false;
		*count = (end - *first) / i;
		if (i < length)
			*number += *count;
	}
	return *number + *count <= hostop_count(g->indexes);
}

static void count_grams(const struct hostop_call *call, const struct grams *g,
			const struct hostop_tensor *x, uint64_t row, uint64_t n,
			uint64_t length, uint64_t skip, float *to)
{
	uint64_t first, count, number, i, k, e;

	if (!grams_of(g, length, &first, &count, &number))
		return;
	for (i = 0; i + (length - 1) * (skip + 1) < n; i++) {
		for (k = 0; k < count; k++) {
			for (e = 0; e < length; e++)
				if (hostop_order(x, row * n + i + e * (skip + 1), g->pool,
						 first + k * length + e))
					break;
			if (e < length)
				continue;
			if (call->ints[0] == 1)
				to[integer(g->indexes, number + k)] = 1;
			else
				to[integer(g->indexes, number + k)] += 1;
		}
	}
}

static void weigh(const struct grams *g, float *to)
{
	uint64_t n = hostop_count(g->indexes), i;

	for (i = 0; i < n; i++)
		to[integer(g->indexes, i)] *= g->weights ? (float)num(g->weights, i) : 1;
}

static bool are_grams(const struct grams *g, const struct hostop_tensor *x)
{
	return g->pool->dtype == x->dtype && g->starts->dtype == NEURON_NEFF_I64 &&
	       g->indexes->dtype == NEURON_NEFF_I64 &&
	       (!g->weights || (g->weights->dtype == NEURON_NEFF_F32 &&
				hostop_count(g->weights) == hostop_count(g->indexes)));
}

enum hostop_status hostop_tfidf(struct hostop_call *call)
{
	struct grams g = { in(call, 1), in(call, 2), in(call, 3), in(call, 4), 0 };
	const struct hostop_tensor *x = in(call, 0);
	int64_t shortest = call->ints[1], longest = call->ints[2], most = 0;
	uint64_t rows, n, row, i, skip, skips = call->ints[3] < 0 ? 0 : call->ints[3];
	struct hostop_tensor shape = { .rank = x->rank };
	enum hostop_status status;

	if (!are_grams(&g, x) || call->most[0]->dtype != NEURON_NEFF_F32 || shortest < 1 ||
	    longest < shortest || longest > INT32_MAX || skips > INT32_MAX)
		return hostop_fail(call, HOSTOP_INVALID, "its n-grams do not fit each other");
	if (x->rank != 1 && x->rank != 2)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its input is neither [C] nor [N, C]");
	g.lengths = hostop_count(g.starts);
	for (i = 0; i < hostop_count(g.indexes); i++) {
		int64_t index = integer(g.indexes, i);

		if (index < 0 || index >= UINT32_MAX)
			return hostop_fail(call, HOSTOP_BAD_INDEX, "an n-gram's index is %lld",
					   (long long)index);
		if (index >= most)
			most = index + 1;
	}
	rows = x->rank == 2 ? x->dims[0] : 1;
	n = x->dims[x->rank - 1];
	shape.dims[0] = rows;
	shape.dims[x->rank - 1] = most;
	status = hostop_make_like(call, 0, &shape);
	if (status)
		return status;
	for (row = 0; row < rows; row++) {
		float *to = (float *)call->out[0].data + row * most;

		for (i = shortest; i <= (uint64_t)longest && i <= n && i <= g.lengths; i++)
			/* Single elements have nothing to skip. */
			for (skip = 0; skip <= (i > 1 ? skips : 0) && skip < n; skip++)
				count_grams(call, &g, x, row, n, i, skip, to);
		if (call->ints[0])
			weigh(&g, to);
	}
	return HOSTOP_OK;
}
