// SPDX-License-Identifier: MIT
/*
 * A program as somebody writes it who has read nothing but the documentation of the
 * asynchronous calls:
 *
 *	nrt_doc_async MODEL.neff
 *
 * It keeps the queue full until 200 executions are scheduled, polls for the last one, and
 * prints how many failed and the beginning of the first output.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <nrt/nrt.h>
#include <nrt/nrt_async.h>
#include <nrt/nrt_experimental.h>

#define REQUESTS	200

static void check(NRT_STATUS status, const char *what)
{
	if (status == NRT_SUCCESS)
		return;
	fprintf(stderr, "%s: %s (%d)\n", what, nrt_get_status_as_str(status), status);
	exit(1);
}

static void *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *data;

	if (!f || fseek(f, 0, SEEK_END)) {
		perror(path);
		exit(1);
	}
	*size = ftell(f);
	rewind(f);
	data = malloc(*size);
	if (!data || fread(data, 1, *size, f) != *size) {
		perror(path);
		exit(1);
	}
	fclose(f);
	return data;
}

/* Wait until the core has completed a request. */
static void wait_for(uint32_t lnc, nrta_xu_t xu, nrta_seq_t request)
{
	nrta_seq_t completed = 0;

	for (;;) {
		check(nrta_get_sequence(lnc, xu, 0, &completed), "nrta_get_sequence");
		if (completed >= request)
			break;
		usleep(1);
	}
}

int main(int argc, char **argv)
{
	nrta_error_tracker_t *tracker = NULL;
	const nrta_error_t *errors = NULL;
	nrt_tensor_info_array_t *infos;
	nrt_tensor_t *first = NULL, *tensor;
	nrt_tensor_set_t *inputs, *outputs;
	nrt_model_info_t place;
	nrta_seq_t seq = 0, last = 0;
	nrt_model_t *model;
	size_t size, count = 0;
	float values[8] = { 0 }, *data;
	struct pollfd p = { .events = POLLIN };
	NRT_STATUS status;
	void *file;
	int i;

	if (argc != 2) {
		fprintf(stderr, "usage: %s MODEL.neff\n", argv[0]);
		return 2;
	}
	check(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "nrt_init");
	file = read_file(argv[1], &size);
	check(nrt_load(file, size, 0, -1, &model), "nrt_load");
	free(file);
	check(nrt_get_model_info(model, &place, sizeof(place), &size), "nrt_get_model_info");
	check(nrta_error_tracker_create(place.vnc, &tracker), "nrta_error_tracker_create");
	check(nrt_allocate_tensor_set(&inputs), "nrt_allocate_tensor_set");
	check(nrt_allocate_tensor_set(&outputs), "nrt_allocate_tensor_set");
	check(nrt_get_model_tensor_info(model, &infos), "nrt_get_model_tensor_info");
	for (uint64_t n = 0; n < infos->tensor_count; n++) {
		const nrt_tensor_info_t *info = &infos->tensor_array[n];

		check(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, place.vnc, info->size,
					  info->name, &tensor), "nrt_tensor_allocate");
		if (info->usage == NRT_TENSOR_USAGE_OUTPUT) {
			first = first ? first : tensor;
			check(nrt_add_tensor_to_tensor_set(outputs, info->name, tensor),
			      "nrt_add_tensor_to_tensor_set");
			continue;
		}
		check(nrt_add_tensor_to_tensor_set(inputs, info->name, tensor),
		      "nrt_add_tensor_to_tensor_set");
		data = calloc(1, info->size);
		for (size_t e = 0; data && e < info->size / sizeof(*data); e++)
			data[e] = e;
		check(nrta_tensor_write(tensor, data, 0, info->size, 0, tracker, &seq),
		      "nrta_tensor_write");
		wait_for(place.vnc, NRTA_XU_TENSOR_WRITE, seq);
		free(data);
	}
	for (i = 0; i < REQUESTS;) {
		status = nrta_execute_schedule(model, inputs, outputs, 0, tracker, &seq);
		if (status == NRT_QUEUE_FULL) {
			usleep(100);
			continue;
		}
		check(status, "nrta_execute_schedule");
		last = seq;
		i++;
	}
	check(nrta_get_completion_handle(last, &p.fd), "nrta_get_completion_handle");
	while (poll(&p, 1, -1) != 1)
		;
	close(p.fd);
	check(nrta_tensor_read(values, first, 0, sizeof(values), 0, tracker, &seq),
	      "nrta_tensor_read");
	wait_for(place.vnc, NRTA_XU_TENSOR_READ, seq);
	check(nrta_error_tracker_get_list(tracker, &errors, &count),
	      "nrta_error_tracker_get_list");
	for (size_t n = 0; n < count && n < 1; n++)
		fprintf(stderr, "request %llx: %s\n", (unsigned long long)errors[n].seq_id,
			nrt_get_status_as_str((NRT_STATUS)errors[n].error_code));
	printf("%d executions, %zu failed:", i, count);
	for (i = 0; i < 8; i++)
		printf(" %g", values[i]);
	printf("\n");
	nrta_error_tracker_destroy(tracker);
	nrt_free_model_tensor_info(infos);
	nrt_unload(model);
	nrt_destroy_tensor_set(&inputs);
	nrt_destroy_tensor_set(&outputs);
	nrt_close();
	return count != 0;
}
