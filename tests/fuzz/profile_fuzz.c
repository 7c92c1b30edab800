// SPDX-License-Identifier: MIT
/*
 * libFuzzer on the reader of profiles: what it finds sound can be read to the end. The
 * sizes in the header are set right where they can be, else nothing would get past them.
 */
#include <stdlib.h>
#include <string.h>
#include "tools/common/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

uint64_t sink;	/* not static, so that reading is not optimised away */

static void use(const struct profile *p)
{
	uint64_t i, n;

	for (i = 0; i < p->header->num_models; i++)
		sink += strlen(p->models[i].name);
	sink += strlen(p->header->backend);
	for (i = 0; i < p->header->num_events; i++)
		if (p->events[i].model != NEURON_PROFILE_NONE)
			sink += p->models[p->events[i].model].uuid[0];
	for (i = 0; i < p->header->num_jobs; i++) {
		sink += p->models[p->jobs[i].model].uuid[0];
		for (n = 0; n < p->jobs[i].num_records; n++)
			sink += p->records[p->jobs[i].first_record + n].infs;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[PROFILE_ERROR_SIZE];
	struct neuron_profile_header *h;
	struct profile profile;
	/* Of its own, so that not a byte behind it can be read. */
	void *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	h = copy;
	if (size >= sizeof(*h)) {
		memcpy(h->magic, NEURON_PROFILE_MAGIC, sizeof(h->magic));
		h->version = NEURON_PROFILE_VERSION;
		h->header_size = sizeof(*h);
		h->file_size = size;
	}
	if (profile_parse(copy, size, &profile, error))
		use(&profile);
	free(copy);
	return 0;
}
