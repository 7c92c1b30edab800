// SPDX-License-Identifier: MIT
/* The reader of .neff files: good ones, and every way in which one can be bad. */
#include "tests/unit/neff_file.h"

static struct neuron_neff_tensor *tensors(void)
{
	return table(NEURON_NEFF_TENSORS);
}

static struct neuron_neff_slot *slots(void)
{
	return table(NEURON_NEFF_SLOTS);
}

static void start(void)
{
	free(file);
	file = nb_add(16, &size);
}

static void good(void)
{
	float w[4] = { 1, 2, 3, 4 };

	start();
	expect(NEFF_OK, NULL);
	CHECK_EQ(neff.num_tensors, 3);
	CHECK_EQ(neff.num_slots, 4);
	CHECK_EQ(neff.program_slot, 0);
	CHECK_EQ(neff.num_layers, 1);
	CHECK_EQ(neff.weights.size, 0);
	CHECK_STR(neff.header->name, "add");
	CHECK_STR(neff.tensors[2].name, "c");
	CHECK_EQ(neff.tensors[2].size, 64);
	CHECK_STR(neff.layers[0].op, "Test");
	CHECK(neuron_program_check(neff.programs[0].data, neff.programs[0].size,
				   &(struct neuron_fault) { 0 }, NULL));
	free(file);
	file = nb_weights(w, 4, &size);
	expect(NEFF_OK, NULL);
	CHECK_EQ(neff.weights.size, 16);
	CHECK(!memcmp(neff.weights.data, w, 16));
	free(file);
	file = nb_two_cores(8, &size);
	expect(NEFF_OK, NULL);
	CHECK_EQ(neff.header->num_cores, 2);
	CHECK(neff.programs[0].data && neff.programs[1].data);
}

static uint32_t *stages(void)
{
	return (uint32_t *)(file + section(NEURON_NEFF_STAGES)->offset);
}

static void start_stages(void)
{
	free(file);
	file = nb_stages(8, &size);
}

static void good_stages(void)
{
	start_stages();
	expect(NEFF_OK, NULL);
	CHECK_EQ(neff.header->num_cores, 4);
	CHECK(neff.stages);
	for (unsigned int i = 0; neff.stages && i < 4; i++)
		CHECK_EQ(neff.stages[i], i ? i - 1 : 0);
}

static void bad_stages(void)
{
	start_stages();
	stages()[0] = 1;
	expect(NEFF_DAMAGED, "stage 1");
	start_stages();
	stages()[3] = 3;
	expect(NEFF_DAMAGED, "stage 3");
	start_stages();
	stages()[3] = 0;
	expect(NEFF_DAMAGED, "stage 0");
	start_stages();
	section(NEURON_NEFF_STAGES)->size -= 4;
	expect(NEFF_DAMAGED, "3 entries for 4 cores");
	start_stages();
	section(NEURON_NEFF_STAGES)->size -= 1;
	expect(NEFF_DAMAGED, "no multiple");
	start_stages();
	section(NEURON_NEFF_STAGES)->index = 1;
	expect(NEFF_DAMAGED, "index 1");
}

static void truncated(void)
{
	char *copy;
	size_t n;

	start();
	for (n = 0; n < size; n++) {
		/* Of its own size, so that a sanitizer sees what is read behind it. */
		copy = malloc(n + 1);
		memcpy(copy, file, n);
		if (neff_parse(copy, n, true, &neff, error) != NEFF_DAMAGED ||
		    !error[0] || neff_parse(copy, n, false, &neff, error) != NEFF_DAMAGED) {
			CHECK_EQ(n, size);
			n = size;
		}
		free(copy);
	}
	CHECK_EQ(neff_parse(file, size - 1, true, &neff, error), NEFF_DAMAGED);
	CHECK(strstr(error, "truncated"));
}

static void longer(void)
{
	char *copy;

	start();
	copy = calloc(1, size + 64);
	memcpy(copy, file, size);
	CHECK_EQ(neff_parse(copy, size + 64, true, &neff, error), NEFF_DAMAGED);
	CHECK(strstr(error, "64 bytes follow"));
	free(copy);
}

/* Each bit of the file matters: the checksum sees to that. */
static void flipped(void)
{
	size_t bit, missed = 0;

	start();
	for (bit = 0; bit < 8 * size; bit++) {
		file[bit / 8] ^= 1 << bit % 8;
		if (neff_parse(file, size, true, &neff, error) == NEFF_OK)
			missed++;
		file[bit / 8] ^= 1 << bit % 8;
	}
	CHECK_EQ(missed, 0);
	CHECK_EQ(neff_parse(file, size, true, &neff, error), NEFF_OK);
	file[size - 1] ^= 1;
	CHECK_EQ(neff_parse(file, size, true, &neff, error), NEFF_DAMAGED);
	CHECK(strstr(error, "checksum"));
}

static void foreign(void)
{
	uint64_t aws[] = { 2, 1024, 4096, 1, 0 };

	start();
	CHECK_EQ(neff_parse("\177ELF\2\1\1\0", 8, true, &neff, error), NEFF_DAMAGED);
	CHECK_STR(error, "not a .neff file");
	CHECK_EQ(neff_parse(file, 0, true, &neff, error), NEFF_DAMAGED);
	free(file);
	size = 1024 + 4096;
	file = calloc(1, size);
	memcpy(file, aws, sizeof(aws));
	CHECK_EQ(neff_parse(file, size, true, &neff, error), NEFF_UNSUPPORTED);
	CHECK(strstr(error, "AWS"));
	start();
	header()->version = 2;
	expect(NEFF_UNSUPPORTED, "version 2");
}

static void bad_header(void)
{
	start();
	header()->header_size++;
	expect(NEFF_DAMAGED, "header");
	start();
	header()->num_cores = 0;
	expect(NEFF_DAMAGED, "cores");
	start();
	header()->num_cores = NEURON_NEFF_MAX_CORES + 1;
	expect(NEFF_DAMAGED, "cores");
	start();
	header()->num_cores = 2;
	expect(NEFF_DAMAGED, "no program for core 1");
	start();
	header()->flags = 2;
	expect(NEFF_UNSUPPORTED, "feature");
	start();
	header()->reserved[39] = 1;
	expect(NEFF_UNSUPPORTED, "feature");
	start();
	memset(header()->name, 'x', sizeof(header()->name));
	expect(NEFF_DAMAGED, "name");
	start();
	header()->num_inputs = 4;
	expect(NEFF_DAMAGED, "inputs");
	start();
	header()->num_outputs = UINT32_MAX;
	expect(NEFF_DAMAGED, "outputs");
}

static void bad_sections(void)
{
	start();
	header()->num_sections = UINT32_MAX;
	expect(NEFF_DAMAGED, "sections");
	start();
	section(NEURON_NEFF_SLOTS)->offset += 8;
	expect(NEFF_DAMAGED, "section 1");
	start();
	section(NEURON_NEFF_SLOTS)->offset = 0;
	expect(NEFF_DAMAGED, "section 1");
	start();
	section(NEURON_NEFF_SLOTS)->offset = -64;
	expect(NEFF_DAMAGED, "section 1");
	start();
	section(NEURON_NEFF_LAYERS)->size = UINT64_MAX;
	expect(NEFF_DAMAGED, "section 3");
	start();
	section(NEURON_NEFF_SLOTS)->size--;
	expect(NEFF_DAMAGED, "multiple");
	start();
	section(NEURON_NEFF_LAYERS)->type = 77;
	expect(NEFF_UNSUPPORTED, "type 77");
	start();
	section(NEURON_NEFF_LAYERS)->type = NEURON_NEFF_PROGRAM;
	expect(NEFF_DAMAGED, "two programs");
	start();
	section(NEURON_NEFF_PROGRAM)->index = 1;
	expect(NEFF_DAMAGED, "program for core 1");
	start();
	section(NEURON_NEFF_PROGRAM)->size = 0;
	expect(NEFF_DAMAGED, "program");
	start();
	file[section(NEURON_NEFF_TENSORS)->offset - 1] = 1;
	expect(NEFF_DAMAGED, "between");
	start();
	file[size - 1] = 1;
	expect(NEFF_DAMAGED, "behind");
}

static void bad_tensors(void)
{
	start();
	tensors()[0].name[0] = '\0';
	expect(NEFF_DAMAGED, "no name");
	start();
	memset(tensors()[1].name, 'y', sizeof(tensors()[1].name));
	expect(NEFF_DAMAGED, "tensor 1");
	start();
	tensors()[1].name[0] = 'a';
	expect(NEFF_DAMAGED, "two tensors are called a");
	start();
	tensors()[2].name[0] = 'a';	/* an output may be called like an input */
	expect(NEFF_OK, NULL);
	start();
	tensors()[0].dtype = NEURON_NEFF_NUM_DTYPES;
	expect(NEFF_DAMAGED, "type");
	start();
	tensors()[0].rank = NEURON_NEFF_MAX_RANK + 1;
	expect(NEFF_DAMAGED, "rank");
	start();
	tensors()[0].dims[7] = 1;
	expect(NEFF_DAMAGED, "beyond its rank");
	start();
	tensors()[0].rank = 3;
	tensors()[0].dims[1] = UINT32_MAX;
	tensors()[0].dims[2] = UINT32_MAX;
	expect(NEFF_DAMAGED, "too large");
	start();
	tensors()[0].size--;
	expect(NEFF_DAMAGED, "shape");
	start();
	tensors()[0].slot = 4;
	expect(NEFF_DAMAGED, "slot 4 of 4");
	start();
	tensors()[0].slot = 0;
	expect(NEFF_DAMAGED, "slot");
	start();
	tensors()[0].slot = 2;
	expect(NEFF_DAMAGED, "slot");
	start();
	tensors()[0].flags = 1;
	expect(NEFF_DAMAGED, "tensor a");
}

static void bad_slots(void)
{
	start();
	slots()[0].size--;
	expect(NEFF_DAMAGED, "too small");
	start();
	slots()[0].index = 1;
	expect(NEFF_DAMAGED, "index 1");
	start();
	slots()[0].kind = NEURON_NEFF_SLOT_SCRATCH;
	expect(NEFF_DAMAGED, "no slot is for the program");
	start();
	slots()[0].kind = NEURON_NEFF_SLOT_WEIGHTS;
	expect(NEFF_DAMAGED, "weights");
	start();
	slots()[1].kind = NEURON_NEFF_SLOT_OUTPUT;
	expect(NEFF_DAMAGED, "output 0");
	start();
	slots()[1].kind = 6;
	expect(NEFF_DAMAGED, "kind, 6");
	start();
	slots()[1].index = UINT32_MAX;
	expect(NEFF_DAMAGED, "slot 1");
	start();
	slots()[1].size++;
	expect(NEFF_DAMAGED, "does not fit");
	start();
	slots()[1].kind = NEURON_NEFF_SLOT_SCRATCH;
	slots()[1].index = 0;
	expect(NEFF_DAMAGED, "not its");
	start();
	slots()[1].kind = NEURON_NEFF_SLOT_PROGRAM;
	slots()[1].index = 0;
	slots()[1].size = slots()[0].size;
	expect(NEFF_DAMAGED, "two slots");
}

static void names_of_types(void)
{
	CHECK_EQ(neff_dtype_size(NEURON_NEFF_I64), 8);
	CHECK_EQ(neff_dtype_size(NEURON_NEFF_NUM_DTYPES), 0);
	CHECK_STR(neff_dtype_name(NEURON_NEFF_BOOL), "bool");
	CHECK(!neff_dtype_name(UINT32_MAX));
}

int main(void)
{
	ktap_run("neff good files", good);
	ktap_run("neff with stages", good_stages);
	ktap_run("neff with bad stages", bad_stages);
	ktap_run("neff truncated at each byte", truncated);
	ktap_run("neff with bytes behind its end", longer);
	ktap_run("neff with each bit flipped", flipped);
	ktap_run("neff of others", foreign);
	ktap_run("neff with a bad header", bad_header);
	ktap_run("neff with bad sections", bad_sections);
	ktap_run("neff with bad tensors", bad_tensors);
	ktap_run("neff with bad slots", bad_slots);
	ktap_run("neff element types", names_of_types);
	free(file);
	return ktap_done();
}
