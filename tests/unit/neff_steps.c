// SPDX-License-Identifier: MIT
/* The reader of .neff files with steps: good ones, and every way to be bad. */
#include "tests/unit/neff_file.h"
#include "tests/unit/steps_builder.h"

static struct neuron_neff_step *steps(void)
{
	return table(NEURON_NEFF_STEPS);
}

static struct neuron_neff_value *values(void)
{
	return table(NEURON_NEFF_VALUES);
}

static uint32_t *operands(void)
{
	return table(NEURON_NEFF_OPERANDS);
}

static void start(void)
{
	free(file);
	file = sb_found(16, &size);
}

/* The file, with one thing changed, is damaged, and the line has a word. */
#define BAD(change, word)						\
	do {								\
		start();						\
		change;							\
		expect(NEFF_DAMAGED, word);				\
	} while (0)

static void good(void)
{
	start();
	expect(NEFF_OK, NULL);
	CHECK(neff_has_steps(&neff));
	CHECK_EQ(neff.num_steps, 4);
	CHECK_EQ(neff.num_values, 7);
	CHECK_EQ(neff.num_operands, 11);
	CHECK_EQ(neff.num_models, 1);
	CHECK_EQ(neff.num_slots, 0);
	CHECK_EQ(neff.num_tensors, 4);
	CHECK_EQ(neff.tensors[2].flags, NEURON_NEFF_TENSOR_OPEN);
	free(file);
	file = sb_either(16, &size);
	expect(NEFF_OK, NULL);
	free(file);
	file = sb_strings(2, &size);
	expect(NEFF_OK, NULL);
	CHECK_EQ(neff.tensors[0].size, 512);
	for (int plus = SB_ONE; plus <= SB_OTHERS; plus++) {
		unsigned int last = plus == SB_OTHERS ? 2 : 1;

		free(file);
		file = sb_pieces(16, plus, &size);
		expect(NEFF_OK, NULL);
		CHECK_EQ(neff.num_steps, last + 1);
		CHECK_EQ(neff_chunks(&neff.steps[last], neff.operands, neff.values,
				     neff.weights.data)[0].rate, 1);
	}
}

static void truncated(void)
{
	char *copy;
	size_t n;

	start();
	for (n = 0; n < size; n += 8) {
		/* Of its own size, so that a sanitizer sees what is read behind it. */
		copy = malloc(n + 1);
		memcpy(copy, file, n);
		CHECK_EQ(neff_parse(copy, n, false, &neff, error), NEFF_DAMAGED);
		free(copy);
	}
}

/* A file without the flag has none of it, one with it none of the other. */
static void sections(void)
{
	BAD(header()->flags = 0, "section of type 6");
	BAD(section(NEURON_NEFF_WEIGHTS)->type = NEURON_NEFF_SLOTS, "section of type 2");
	BAD(section(NEURON_NEFF_WEIGHTS)->type = NEURON_NEFF_STEPS, "two STEPS");
	BAD(section(NEURON_NEFF_MODEL)->index = 1, "model 1");
	start();
	header()->flags |= 2;
	expect(NEFF_UNSUPPORTED, "update libneuron");
	free(file);
	file = nb_add(16, &size);
	header()->flags = NEURON_NEFF_HAS_STEPS;
	expect(NEFF_DAMAGED, "section of type 2");
}

static void bad_values(void)
{
	BAD(values()[4].kind = 9, "unknown kind");
	BAD(values()[4].dtype = NEURON_NEFF_NUM_DTYPES, "unknown type");
	BAD(values()[4].rank = 9, "rank");
	BAD(values()[4].dims[1] = 1, "beyond its rank");
	BAD(values()[4].flags = 2, "flags");
	BAD(values()[4].reserved = 1, "flags");
	BAD(values()[4].offset = 64, "flags");
	BAD(values()[4].index = 1, "index");
	BAD((values()[4].rank = 3, values()[4].dims[1] = values()[4].dims[2] = 1u << 31),
	    "too large");
	BAD(values()[0].index = 2, "input 2");
	BAD(values()[0].index = 9, "input 9");
	BAD(values()[2].index = 0, "output 0");
	BAD(values()[0].dims[0] = 8, "does not fit tensor");
	BAD(values()[2].flags = 0, "does not fit tensor");
	BAD(values()[1].index = 0, "two values");
	BAD((values()[3].kind = NEURON_NEFF_VALUE_TEMP, values()[3].index = 0),
	    "no value is output");
	BAD(values()[6].offset = 32, "constant");
	BAD(values()[6].offset = 1 << 20, "constant");
	BAD(values()[6].dims[0] = 1000, "constant");
	BAD(values()[6].flags = NEURON_NEFF_VALUE_OPEN, "constant");
}

static void bad_strings(void)
{
	BAD((values()[6].dtype = NEURON_NEFF_STRING,
	     section(NEURON_NEFF_WEIGHTS)->size = 64), "constant");
	/* The chip knows none, whatever the file says. */
	free(file);
	file = nb_add(16, &size);
	((struct neuron_neff_tensor *)table(NEURON_NEFF_TENSORS))[0].dtype =
		NEURON_NEFF_STRING;
	expect(NEFF_DAMAGED, "strings");
}

static void bad_tensors(void)
{
	struct neuron_neff_tensor *t;

	start();
	t = table(NEURON_NEFF_TENSORS);
	t[0].flags = NEURON_NEFF_TENSOR_OPEN;
	expect(NEFF_DAMAGED, "flags");
	start();
	t = table(NEURON_NEFF_TENSORS);
	t[2].flags = 3;
	expect(NEFF_DAMAGED, "flags");
	start();
	t = table(NEURON_NEFF_TENSORS);
	t[2].slot = 1;
	expect(NEFF_DAMAGED, "slot");
}

static void bad_steps(void)
{
	BAD(steps()[1].first_operand = 100, "operands beyond");
	BAD(steps()[1].num_inputs = UINT32_MAX, "operands beyond");
	BAD(steps()[3].num_outputs = 2, "operands beyond");
	BAD(steps()[1].layer = 1, "layer");
	BAD(steps()[1].reserved = 1, "layer");
	BAD(steps()[1].reason = 0, "reason");
	BAD(steps()[1].reason = 99, "reason");
	BAD(steps()[1].ints[0] = 1, "parameters");
	BAD(steps()[3].ints[7] = 1, "parameters");
	BAD(steps()[1].floats[0] = 1, "parameters");
	BAD(steps()[0].ints[0] = 1, "parameters");
	BAD(steps()[1].num_inputs = 0, "0 inputs");
	BAD(operands()[3] = 99, "value 99");
	BAD(operands()[3] = NEURON_NEFF_NONE, "no input");
	BAD(operands()[4] = 0, "no result");
	BAD(operands()[4] = 6, "no result");
	start();
	steps()[1].kind = 17;
	steps()[1].reason = 0;
	expect(NEFF_UNSUPPORTED, "update libneuron");
	start();
	steps()[1].op = NEURON_HOST_NUM_OPS;
	expect(NEFF_UNSUPPORTED, "update libneuron");
}

static void bad_chip_steps(void)
{
	BAD(steps()[0].op = 1, "model 1 of 1");
	BAD(steps()[0].num_inputs = 1, "no result");
	BAD((steps()[0].num_inputs = 3, steps()[0].num_outputs = 0), "its model 2 and 1");
	BAD(operands()[0] = 2, "not what its model takes");
	BAD(operands()[0] = 6, "not what its model takes");
	BAD(operands()[2] = NEURON_NEFF_NONE, "not what its model takes");
	BAD(operands()[2] = 5, "not what its model takes");
	/* Each model is one step's. */
	BAD((steps()[3] = steps()[0], steps()[3].first_operand = 0), "model 0 of 1");
	BAD(steps()[0] = steps()[1], "models of the file");
}

/* The file of pieces, with one thing changed; @t is its table, @s the step. */
#define BAD_PIECES(plus, change, word)						\
	do {									\
		struct neuron_neff_chunk *t;					\
		struct neuron_neff_step *s;					\
										\
		free(file);							\
		file = sb_pieces(16, plus, &size);				\
		t = table(NEURON_NEFF_WEIGHTS);					\
		s = &steps()[1];						\
		(void)t;							\
		(void)s;							\
		change;								\
		expect(NEFF_DAMAGED, word);					\
	} while (0)

static void bad_chunks(void)
{
	static const int64_t off[] = { -1, 0, INT64_MIN, INT64_MAX, (int64_t)1 << 32 };
	unsigned int i;

	for (i = 0; i < 5; i++) {
		BAD_PIECES(SB_ONE, s->ints[NEURON_NEFF_CHUNK_LENGTH] = off[i], "frames at a time");
		if (off[i])
			BAD_PIECES(SB_ONE, s->ints[NEURON_NEFF_CHUNK_BEFORE] = off[i], "drops");
		if (off[i])
			BAD_PIECES(SB_ONE, s->ints[NEURON_NEFF_CHUNK_BEHIND] = off[i], "drops");
		BAD_PIECES(SB_ONE, t[0].rate = off[i], "operand 0 of step 1");
		BAD_PIECES(SB_ONE, t[1].rate = off[i], "operand 1 of step 1");
		BAD_PIECES(SB_ONE, t[2].rate = off[i], "operand 2 of step 1");
		if (off[i])
			BAD_PIECES(SB_ONE, t[0].axis = off[i], "operand 0 of step 1");
		if (off[i])
			BAD_PIECES(SB_ONE, t[2].axis = off[i], "operand 2 of step 1");
	}
	/* Nothing is kept; what is not used. */
	BAD_PIECES(SB_ONE, s->ints[NEURON_NEFF_CHUNK_BEHIND] = 6, "drops 2 and 6");
	BAD_PIECES(SB_ONE, s->ints[NEURON_NEFF_NUM_CHUNK_INTS] = 1, "beyond its own");
	BAD_PIECES(SB_ONE, s->floats[0] = 1, "beyond its own");
	BAD_PIECES(SB_ONE, s->reason = 1, "drops");
	/* Pieces that are none of the model's. */
	BAD_PIECES(SB_ONE, s->ints[NEURON_NEFF_CHUNK_LENGTH] = 9, "operand 0 of step 1");
	BAD_PIECES(SB_ONE, t[0].rate = 2, "operand 0 of step 1");
	BAD_PIECES(SB_ONE, t[0].axis = 1, "operand 0 of step 1");
	/* Whole, and of another size; a piece, and of no open value; nothing at all. */
	BAD_PIECES(SB_ONE, (t[0].axis = -1, t[0].rate = 0), "operand 0 of step 1");
	BAD_PIECES(SB_WHOLE, t[1].rate = 1, "operand 1 of step 1");
	BAD_PIECES(SB_WHOLE, (t[1].axis = 0, t[1].rate = 1), "operand 1 of step 1");
	BAD_PIECES(SB_ONE, operands()[s->first_operand] = NEURON_NEFF_NONE, "how long step 1");
	BAD_PIECES(SB_ONE, operands()[s->first_operand + 3] = NEURON_NEFF_NONE,
		   "operand 2 of step 1");
	BAD_PIECES(SB_WHOLE, operands()[s->first_operand + 1] = NEURON_NEFF_NONE,
		   "operand 1 of step 1");
	/* The table. */
	BAD_PIECES(SB_ONE, operands()[s->first_operand + 2] = NEURON_NEFF_NONE, "no table");
	BAD_PIECES(SB_ONE, operands()[s->first_operand + 2] = 0, "no table");
	BAD_PIECES(SB_ONE, values()[operands()[s->first_operand + 2]].dims[0] = 2, "no table");
	BAD_PIECES(SB_ONE, values()[operands()[s->first_operand + 2]].dtype = NEURON_NEFF_U64,
		   "no table");
	BAD_PIECES(SB_ONE, (s->num_inputs = 0, s->num_outputs = 4), "step 1");
	BAD_PIECES(SB_ONE, s->op = 1, "model 1 of 1");
}

/* The file of products, with one thing changed; @s is the first such step. */
#define BAD_PRODUCT(change, word)						\
	do {									\
		struct neuron_neff_step *s;					\
										\
		start_products();						\
		s = &steps()[2];						\
		(void)s;							\
		change;								\
		expect(NEFF_DAMAGED, word);					\
	} while (0)

static void start_products(void)
{
	static const float w[SB_DEPTH * SB_COLUMNS];

	free(file);
	file = sb_products(16, w, &size);
}

/* A tensor of the model that multiplies. */
static struct neuron_neff_tensor *tile(unsigned int i)
{
	char *inner = table(NEURON_NEFF_MODEL);
	struct neuron_neff_section *s = (void *)(inner + sizeof(struct neuron_neff_header));

	while (s->type != NEURON_NEFF_TENSORS)
		s++;
	return (struct neuron_neff_tensor *)(inner + s->offset) + i;
}

static void reseal(void)
{
	nb_seal(table(NEURON_NEFF_MODEL), section(NEURON_NEFF_MODEL)->size);
}

static void bad_products(void)
{
	start_products();
	expect(NEFF_OK, NULL);
	CHECK_EQ(neff.num_models, 1);
	CHECK_EQ(neff_step_operator(&neff.steps[3]), NEURON_HOST_MATMUL);
	BAD_PRODUCT(s->op = 1, "model 1 of 1");
	BAD_PRODUCT(s[1].op = 1, "model 1 of 1");
	BAD_PRODUCT(s->op = UINT32_MAX, "of 1");
	BAD_PRODUCT(s->num_inputs = 1, "no result");
	BAD_PRODUCT((s->num_inputs = 3, s->num_outputs = 0), "step 2 has 3 inputs");
	BAD_PRODUCT((s->num_inputs = 2, s->num_outputs = 0), "step 2 has 2 inputs and 0");
	BAD_PRODUCT(operands()[s->first_operand] = NEURON_NEFF_NONE, "no operand 0");
	BAD_PRODUCT(operands()[s->first_operand + 1] = NEURON_NEFF_NONE, "no operand 1");
	BAD_PRODUCT(operands()[s->first_operand + 2] = NEURON_NEFF_NONE, "no operand 2");
	BAD_PRODUCT(operands()[s->first_operand + 2] = 0, "no result");
	BAD_PRODUCT(s->ints[0] = 1, "parameters");
	BAD_PRODUCT(s->floats[1] = 1, "parameters");
	BAD_PRODUCT(s->reason = 1, "parameters");
	/* One that is another step's: of its own kind alone. */
	BAD_PRODUCT(s->kind = NEURON_NEFF_STEP_CHIP, "not what its model takes");
	BAD_PRODUCT(s[1].kind = NEURON_NEFF_STEP_CHIP, "model 0 of 1");
	BAD_PRODUCT((s[0].kind = NEURON_NEFF_STEP_HOST, s[0].op = NEURON_HOST_MATMUL,
		     s[0].reason = 1, s[1] = s[0]), "models of the file");
	/* Another type, and shapes that do not fit each other. */
	BAD_PRODUCT((tile(0)->dtype = NEURON_NEFF_I32, reseal()), "multiplies no matrices");
	BAD_PRODUCT((tile(0)->dims[0] = 3, tile(0)->dims[1] = 4, reseal()),
		    "multiplies no matrices");
	BAD_PRODUCT((tile(0)->rank = 1, tile(0)->dims[0] = 12, tile(0)->dims[1] = 0, reseal()),
		    "multiplies no matrices");
	BAD_PRODUCT((tile(2)->dims[0] = 2, tile(2)->dims[1] = 8, reseal()),
		    "multiplies no matrices");
}

static void bad_models(void)
{
	struct neuron_neff_header *inner;

	start();
	inner = table(NEURON_NEFF_MODEL);
	inner->flags = NEURON_NEFF_HAS_STEPS;
	expect(NEFF_DAMAGED, "steps itself");
	start();
	inner = table(NEURON_NEFF_MODEL);
	inner->num_inputs = 1;
	expect(NEFF_DAMAGED, "model 0");
	BAD(header()->sbuf_size = 0, "needs more");
	BAD(header()->isa_version++, "needs more");
	BAD(section(NEURON_NEFF_MODEL)->size = 64, "behind the last section");
	BAD(section(NEURON_NEFF_MODEL)->size -= 8, "model 0");
}

/* Steps lead forward alone, and there are conditions. */
static void bad_jumps(void)
{
	unsigned int to;

	for (to = 0; to < 8; to++) {
		free(file);
		file = sb_either(16, &size);
		steps()[2].op = to;
		expect(to > 2 && to < 6 ? NEFF_OK : NEFF_DAMAGED,
		       to > 2 && to < 6 ? NULL : "goes on with");
	}
	free(file);
	file = sb_either(16, &size);
	operands()[0] = 1;
	expect(NEFF_DAMAGED, "condition");
	free(file);
	file = sb_either(16, &size);
	steps()[0].num_inputs = 0;
	expect(NEFF_DAMAGED, "0 inputs");
}

int main(void)
{
	ktap_run("good files", good);
	ktap_run("truncated files", truncated);
	ktap_run("sections", sections);
	ktap_run("bad values", bad_values);
	ktap_run("bad strings", bad_strings);
	ktap_run("bad tensors", bad_tensors);
	ktap_run("bad steps", bad_steps);
	ktap_run("bad chip steps", bad_chip_steps);
	ktap_run("bad steps of pieces", bad_chunks);
	ktap_run("bad steps of products", bad_products);
	ktap_run("bad models", bad_models);
	ktap_run("bad jumps", bad_jumps);
	free(file);
	return ktap_done();
}
