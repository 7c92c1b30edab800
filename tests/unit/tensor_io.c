// SPDX-License-Identifier: MIT
/* Tensors in files, and how they are compared. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>
#include <compiler/graph.h>
#include <tools/common/compare.h>
#include <tools/common/file.h>
#include <tools/common/tensor.h>
#include "tests/ktap.h"

static char dir[32];

static const char *path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct tensor make(enum nc_dtype dtype, int rank, const int64_t *dims)
{
	struct tensor tensor = { .dtype = dtype, .rank = rank };
	int64_t n = 1, i;

	for (i = 0; i < rank; i++) {
		tensor.dims[i] = dims[i];
		n *= dims[i];
	}
	tensor.name = strdup("t");
	tensor.size = (size_t)n * nc_dtype_size(dtype);
	tensor.data = calloc(1, tensor.size + 1);
	for (i = 0; i < n && dtype == NC_STRING; i++)
		snprintf((char *)tensor.data + (size_t)i * nc_dtype_size(dtype), 32, "s%lld",
			 (long long)i);
	for (i = 0; i < n; i++)
		nc_put_double(dtype, tensor.data, i, (double)(i % 2));
	return tensor;
}

static bool same(const struct tensor *a, const struct tensor *b)
{
	return a->dtype == b->dtype && a->rank == b->rank && a->size == b->size &&
	       !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(a->dims[0])) &&
	       !memcmp(a->data, b->data, a->size);
}

static void round_trips(void)
{
	static const int64_t dims[] = { 3, 1, 2, 1, 1, 2, 1, 2 };
	static const char *const names[] = { "t.pb", "t.npy" };
	enum nc_dtype dtype;
	int rank, i;

	for (dtype = NC_NONE + 1; dtype < NC_NUM_DTYPES; dtype++) {
		for (rank = 0; rank <= NC_MAX_RANK; rank++) {
			struct tensor a = make(dtype, rank, dims), b;

			for (i = 0; i < 2; i++) {
				/* numpy has no bfloat16, and its strings are not read. */
				if (i && (dtype == NC_BF16 || dtype == NC_STRING))
					continue;
				CHECK(tensor_save(&a, path_of(names[i])));
				CHECK(tensor_load(&b, path_of(names[i])));
				CHECK(same(&a, &b));
				if (!i)
					CHECK_STR(b.name, "t");
				tensor_free(&b);
			}
			tensor_free(&a);
		}
	}
}

static void without_elements(void)
{
	static const int64_t dims[] = { 2, 0 };
	struct tensor a = make(NC_F32, 2, dims), b;

	CHECK(tensor_save(&a, path_of("e.pb")) && tensor_load(&b, path_of("e.pb")));
	CHECK(same(&a, &b));
	tensor_free(&b);
	CHECK(tensor_save(&a, path_of("e.npy")) && tensor_load(&b, path_of("e.npy")));
	CHECK(same(&a, &b));
	tensor_free(&b);
	tensor_free(&a);
}

static void bare(void)
{
	struct tensor tensor;

	CHECK(file_write(path_of("b.bin"), "12345678", 8));
	CHECK(tensor_load(&tensor, path_of("b.bin")));
	CHECK_EQ(tensor.dtype, NC_NONE);
	CHECK_EQ(tensor.size, 8);
	tensor_free(&tensor);
}

/* Every prefix of a file, and every bit flipped: an error or a sound tensor. */
static void damaged(void)
{
	static const int64_t dims[] = { 2, 3 };
	struct tensor a = make(NC_F32, 2, dims), b;
	char why[TENSOR_WHY];
	size_t sizes[2], size, i;
	uint8_t *files[2];
	int k;

	files[0] = tensor_format_pb(&a, &sizes[0]);
	files[1] = tensor_format_npy(&a, &sizes[1]);
	for (k = 0; k < 2; k++) {
		for (size = 0; size < sizes[k]; size++) {
			uint8_t *part = malloc(size ? size : 1);

			memcpy(part, files[k], size);
			if (k)
				CHECK(tensor_parse_npy(&b, part, size));
			else
				CHECK(tensor_parse_pb(&b, part, size, why));
			tensor_free(&b);
			free(part);
		}
		for (i = 0; i < sizes[k] * 8; i++) {
			const char *error;

			files[k][i / 8] ^= (uint8_t)(1 << i % 8);
			error = k ? tensor_parse_npy(&b, files[k], sizes[k]) :
				tensor_parse_pb(&b, files[k], sizes[k], why);
			if (!error)
				CHECK_EQ(b.size, (size_t)tensor_count(&b) *
						 nc_dtype_size(b.dtype));
			tensor_free(&b);
			files[k][i / 8] ^= (uint8_t)(1 << i % 8);
		}
		free(files[k]);
	}
	tensor_free(&a);
}

static const char *parse_header(const char *header)
{
	static char file[400];
	struct tensor tensor;
	size_t len = strlen(header);
	const char *error;

	memcpy(file, "\x93NUMPY\x01\x00", 8);
	file[8] = (char)len;
	file[9] = 0;
	memcpy(file + 10, header, len);
	memset(file + 10 + len, 0, 24);
	error = tensor_parse_npy(&tensor, file, 10 + len + 24);
	tensor_free(&tensor);
	return error;
}

static void npy_headers(void)
{
	CHECK(!parse_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"));
	CHECK(!parse_header("{\"shape\":(6,),\"descr\":\"<f4\",\"fortran_order\":False}"));
	CHECK(!parse_header("{'descr': '|u1', 'fortran_order': False, 'shape': (24,), }"));
	CHECK_STR(parse_header("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }"),
		  "its element type is not supported");
	CHECK_STR(parse_header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }"),
		  "its element type is not supported");
	CHECK(strstr(parse_header("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }"),
		     "Fortran order"));
	CHECK_STR(parse_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }"),
		  "its size does not fit its shape");
	CHECK_STR(parse_header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
		  "its shape is damaged, or has more than 8 dimensions");
	CHECK_STR(parse_header("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }"),
		  "its shape is too large");
	CHECK_STR(parse_header("{'descr': '<f4', 'fortran_order': False}"),
		  "its header is damaged");
	CHECK_STR(parse_header("{'descr': '<f4', 'shape': (-1,), 'fortran_order': False}"),
		  "its shape is damaged, or has more than 8 dimensions");
}

static void texts(void)
{
	struct tensor tensor;

	CHECK(tensor_from_text(&tensor, "1,-2,3"));
	CHECK(tensor.rank == 1 && tensor.dims[0] == 3 &&
	      tensor_get(&tensor, 1) == -2);
	tensor_free(&tensor);
	CHECK(tensor_from_text(&tensor, "16000"));
	CHECK_EQ(tensor.rank, 0);
	tensor_free(&tensor);
	CHECK(!tensor_from_text(&tensor, ""));
	CHECK(!tensor_from_text(&tensor, "1,,2"));
	CHECK(!tensor_from_text(&tensor, "1.5"));
	CHECK(!tensor_from_text(&tensor, "99999999999999999999"));
}

/* A failed write leaves the old file as it was, and nothing beside it. */
static void atomic(void)
{
	void *data;
	size_t size;

	CHECK(file_write(path_of("old"), "old", 3));
	CHECK(!file_write(path_of("missing/new"), "new", 3));
	CHECK(file_write(path_of("old"), "newer", 5));
	data = file_read(path_of("old"), &size);
	CHECK(data && size == 5 && !memcmp(data, "newer", 5));
	free(data);
	CHECK(!file_read(path_of("none"), &size));
	CHECK(!file_read(dir, &size));
}

static struct comparison compared(enum nc_dtype dtype, int64_t n,
				  const double *seen, const double *expected,
				  const struct tolerance *tolerance)
{
	struct tensor a = make(dtype, 1, &n), b = make(dtype, 1, &n);
	struct comparison result;
	int64_t i;

	for (i = 0; i < n; i++) {
		nc_put_double(dtype, a.data, i, seen[i]);
		nc_put_double(dtype, b.data, i, expected[i]);
	}
	compare(&a, &b, tolerance, &result);
	tensor_free(&a);
	tensor_free(&b);
	return result;
}

#define D(...)	(const double[]) { __VA_ARGS__ }

static void comparing(void)
{
	static const struct tolerance strict = { 1e-3, 1e-4, true, false };
	static const struct tolerance loose = { 1e-3, 1e-4, true, true };
	struct comparison c;

	CHECK(compared(NC_F32, 2, D(1, 2), D(1.0009, 2), &strict).ok);
	c = compared(NC_F32, 3, D(1, 2, 3), D(1, 2.5, 3.1), &strict);
	CHECK(!c.ok);
	CHECK_EQ(c.bad, 2);
	CHECK_EQ(c.first.index, 1);
	CHECK_EQ(c.worst.index, 1);
	CHECK(c.worst.seen == 2 && c.worst.expected == 2.5);
	CHECK(fabs(c.max_abs - 0.5) < 1e-6);

	CHECK(compared(NC_F32, 2, D(NAN, INFINITY), D(NAN, INFINITY), &strict).ok);
	CHECK(!compared(NC_F32, 2, D(NAN, 1), D(1, 1), &strict).ok);
	CHECK(!compared(NC_F32, 2, D(1, 1), D(NAN, 1), &strict).ok);
	CHECK(!compared(NC_F32, 1, D(INFINITY), D(-INFINITY), &strict).ok);
	CHECK(!compared(NC_F32, 1, D(1e30), D(INFINITY), &strict).ok);
	/* NaN is not rescued by what 16-bit operands are allowed. */
	CHECK(!compared(NC_F32, 3, D(1, NAN, 5), D(1, 2, 5), &loose).ok);

	/* Outputs in the thousands. */
	CHECK(compared(NC_F32, 2, D(5000, 0.04), D(5000, 0), &strict).ok);
	CHECK(!compared(NC_F32, 2, D(5000, 0.06), D(5000, 0), &strict).ok);
	CHECK(!compared(NC_F32, 2, D(500, 0.002), D(500, 0), &strict).ok);

	/* Cast operands: same largest element, 20 dB. */
	CHECK(compared(NC_F32, 3, D(1.02, 2, 3), D(1, 2, 3), &loose).ok);
	CHECK(!compared(NC_F32, 3, D(1.02, 2, 3), D(1, 2, 3), &strict).ok);
	CHECK(!compared(NC_F32, 3, D(1, 3, 2.9), D(1, 2.9, 3.1), &loose).ok);
	CHECK(!compared(NC_F32, 3, D(1, 2, 4), D(1, 2, 3), &loose).ok);
	CHECK(!compared(NC_F32, 3, D(1, 3.01, 3), D(1, 3, 3.01), &loose).ok);
	CHECK(compared(NC_F32, 3, D(1, 3.01, 3), D(1, 3, 3), &loose).ok);

	/* Integers. */
	CHECK(compared(NC_I32, 2, D(1, 2), D(1, 2), &loose).ok);
	CHECK(!compared(NC_I32, 2, D(1, 2), D(1, 3), &loose).ok);
	CHECK(compared(NC_I8, 2, D(1, 9), D(2, 9), &strict).ok);
	CHECK(!compared(NC_I8, 2, D(1, 9), D(3, 9), &strict).ok);
	CHECK(!compared(NC_I8, 2, D(9, 8), D(8, 9), &strict).ok);
	CHECK(!compared(NC_BOOL, 2, D(1, 0), D(1, 1), &strict).ok);
	CHECK(compared(NC_F16, 1, D(1), D(1.001), &strict).ok);
}

static void large_integers(void)
{
	static const int64_t one = 1;
	static const struct tolerance strict = { 1e-3, 1e-4, true, false };
	struct tensor a = make(NC_I64, 1, &one), b = make(NC_I64, 1, &one);
	struct comparison result;

	*(int64_t *)a.data = INT64_MAX;
	*(int64_t *)b.data = INT64_MAX - 1;
	compare(&a, &b, &strict, &result);
	CHECK(!result.ok);
	*(int64_t *)b.data = INT64_MAX;
	compare(&a, &b, &strict, &result);
	CHECK(result.ok);
	b.dtype = NC_U64;
	compare(&a, &b, &strict, &result);
	CHECK(!result.ok);
	CHECK(strstr(result.why, "expected uint64 [1], saw int64 [1]"));
	tensor_free(&a);
	tensor_free(&b);
}

int main(void)
{
	char command[100];

	strcpy(dir, "/tmp/tensor_io.XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	/* What the readers say about bad files is not of interest here. */
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	ktap_run("round trips", round_trips);
	ktap_run("without elements", without_elements);
	ktap_run("bare elements", bare);
	ktap_run("damaged files", damaged);
	ktap_run("npy headers", npy_headers);
	ktap_run("numbers as text", texts);
	ktap_run("atomic writes", atomic);
	ktap_run("comparing", comparing);
	ktap_run("large integers", large_integers);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return ktap_done() | (system(command) != 0);
}
