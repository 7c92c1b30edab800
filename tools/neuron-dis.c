// SPDX-License-Identifier: MIT
/* Prints what is in a .neff file: its tensors, slots and instructions. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hostops/hostop.h>
#include <libneuron/neff.h>
#include <neuron/isa.h>
#include <tools/common/file.h>
#include <tools/common/model.h>
#include <tools/common/options.h>
#include <tools/common/print.h>
#include <tools/common/say.h>

static const char help[] =
"Usage: neuron-dis [OPTION]... MODEL.neff\n"
"Print what a compiled model consists of: inputs, outputs, slots, and the\n"
"instructions of each core with the layer that each belongs to.\n"
"\n"
"  -c, --core N      only the program of core N\n"
"  -e, --engine NAME only the instructions of an engine: dma-in, dma-out, pe, act\n"
"                    or pool\n"
"  -l, --layer TEXT  only the instructions of layers whose name contains TEXT\n"
"  -H, --header      no instructions\n"
"  -h, --help        print this\n"
"\n"
"The exit status is 0, 1 when the file is no sound .neff, 2 for a bad command line.\n";

/* What the command line says; negative or NULL: everything. */
struct settings {
	const char *path;
	long core;
	int engine;
	const char *layer;
	bool header;
};

static int parse_engine(const char *text)
{
	for (int e = 0; e < NEURON_NUM_ENGINES; e++)
		if (!strcmp(text, neuron_engine_name(e)))
			return e;
	usage_error("--engine '%s' is none of dma-in, dma-out, pe, act, pool", text);
}

static void parse_options(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{ "core", required_argument, NULL, 'c' },
		{ "engine", required_argument, NULL, 'e' },
		{ "layer", required_argument, NULL, 'l' },
		{ "header", no_argument, NULL, 'H' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:e:l:Hh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			if (!parse_number(optarg, 0, NEURON_NEFF_MAX_CORES - 1,
					  &settings->core))
				usage_error("--core '%s' is no number from 0 to %d",
					    optarg, NEURON_NEFF_MAX_CORES - 1);
			break;
		case 'e':
			settings->engine = parse_engine(optarg);
			break;
		case 'l':
			settings->layer = optarg;
			break;
		case 'H':
			settings->header = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		default:
			usage_error("the command line is not understood");
		}
	}
	if (optind != argc - 1)
		usage_error(optind == argc ? "which .neff file?"
					   : "one file at a time");
	settings->path = argv[optind];
}

static void print_dims(const struct neuron_neff_tensor *t)
{
	putchar('[');
	for (uint32_t d = 0; d < t->rank; d++)
		printf("%s%" PRIu32, d ? ", " : "", t->dims[d]);
	putchar(']');
}

/* Values by name where they have one, else by number. */
static void print_operand(const struct neff *neff, uint32_t number)
{
	const struct neuron_neff_value *v;

	if (number == NEURON_NEFF_NONE) {
		printf("-");
		return;
	}
	v = &neff->values[number];
	if (v->kind == NEURON_NEFF_VALUE_INPUT || v->kind == NEURON_NEFF_VALUE_OUTPUT)
		printf("%s", neff->tensors[v->index].name);
	else
		printf("%c%" PRIu32, v->kind == NEURON_NEFF_VALUE_CONST ? 'c' : 'v', number);
}

static void print_value(const struct neff *neff, uint32_t number)
{
	const struct neuron_neff_value *v = &neff->values[number];

	printf("value     ");
	print_operand(neff, number);
	printf(" %s [", neff_dtype_name(v->dtype));
	for (uint32_t d = 0; d < v->rank; d++)
		printf("%s%" PRIu32, d ? ", " : "", v->dims[d]);
	printf("]%s\n", v->flags & NEURON_NEFF_VALUE_OPEN ? " at most" : "");
}

static void print_parameters(const struct neuron_neff_step *s)
{
	const struct hostop_info *info = hostop_info(s->op);

	for (uint32_t i = 0; i < info->ints; i++)
		printf("%s%" PRId64, i ? ", " : " {", s->ints[i]);
	for (uint32_t i = 0; i < info->floats; i++)
		printf(", %g", s->floats[i]);
	if (info->ints || info->floats)
		printf("}");
}

static void print_step(const struct neff *neff, uint32_t i)
{
	const struct neuron_neff_step *s = &neff->steps[i];
	const uint32_t *operands = neff->operands + s->first_operand;
	const char *layer = s->layer == NEURON_NEFF_NONE ? "" : neff->layers[s->layer].name;

	printf("step %-5" PRIu32, i);
	for (uint32_t k = 0; k < s->num_outputs; k++) {
		printf("%s", k ? ", " : "");
		print_operand(neff, operands[s->num_inputs + k]);
	}
	switch (s->kind) {
	case NEURON_NEFF_STEP_CHIP:
		printf(" = program %" PRIu32 "(", s->op);
		break;
	case NEURON_NEFF_STEP_CHUNKS:
		printf(" = program %" PRIu32 " by %" PRId64 " frames, without the first %" PRId64
		       " and the last %" PRId64 " (", s->op, s->ints[NEURON_NEFF_CHUNK_LENGTH],
		       s->ints[NEURON_NEFF_CHUNK_BEFORE], s->ints[NEURON_NEFF_CHUNK_BEHIND]);
		break;
	case NEURON_NEFF_STEP_PRODUCT:
		printf(" = product by program %" PRIu32 "(", s->op);
		break;
	case NEURON_NEFF_STEP_HOST:
		printf(" = host %s(", hostop_info(s->op)->name);
		break;
	case NEURON_NEFF_STEP_UNLESS:
		printf("to step %" PRIu32 " unless (", s->op);
		break;
	default:
		printf("to step %" PRIu32 "\n", s->op);
		return;
	}
	for (uint32_t k = 0; k < s->num_inputs; k++) {
		printf("%s", k ? ", " : "");
		print_operand(neff, operands[k]);
	}
	printf(")");
	if (s->kind == NEURON_NEFF_STEP_HOST) {
		print_parameters(s);
		printf("  ; %s: %s", layer, hostop_reason(s->reason));
	} else if (s->kind == NEURON_NEFF_STEP_PRODUCT) {
		printf("  ; %s", layer);
	}
	printf("\n");
}

static void print_header(const struct neff *neff)
{
	static const char *const kinds[] = {
		[NEURON_NEFF_SLOT_PROGRAM] = "program",
		[NEURON_NEFF_SLOT_WEIGHTS] = "weights",
		[NEURON_NEFF_SLOT_SCRATCH] = "scratch",
		[NEURON_NEFF_SLOT_HANDOVER] = "hand-over",
		[NEURON_NEFF_SLOT_INPUT] = "input",
		[NEURON_NEFF_SLOT_OUTPUT] = "output",
	};
	const struct neuron_neff_header *h = neff->header;
	char text[32];

	printf("model     %s\n", h->name);
	printf("uuid      ");
	for (size_t i = 0; i < sizeof(h->uuid); i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
		       h->uuid[i]);
	printf("\ncompiler  %s\n", h->compiler);
	printf("isa       version %" PRIu32 "\n", h->isa_version);
	printf("cores     %" PRIu32 "\n", h->num_cores);
	if (neff->stages)
		printf("stages    %" PRIu32 "\n", neff->stages[h->num_cores - 1] + 1);
	printf("sbuf      %s\n", bytes_text(h->sbuf_size, text));
	printf("psum      %s\n", bytes_text(h->psum_size, text));
	printf("weights   %s\n", bytes_text(neff->weights.size, text));
	for (uint32_t i = 0; i < neff->num_tensors; i++) {
		const struct neuron_neff_tensor *t = &neff->tensors[i];

		printf("%-9s slot %-3" PRIu32 " %s %s ",
		       i < h->num_inputs ? "input" : "output", t->slot, t->name,
		       neff_dtype_name(t->dtype));
		print_dims(t);
		putchar('\n');
	}
	for (uint32_t i = 0; i < neff->num_slots; i++) {
		const struct neuron_neff_slot *slot = &neff->slots[i];

		printf("slot %-4" PRIu32 " %s, %" PRIu64 " bytes\n", i,
		       kinds[slot->kind], slot->size);
	}
	for (uint32_t i = 0; i < neff->num_values; i++)
		if (neff->values[i].kind == NEURON_NEFF_VALUE_TEMP ||
		    neff->values[i].kind == NEURON_NEFF_VALUE_CONST)
			print_value(neff, i);
	for (uint32_t i = 0; i < neff->num_steps; i++)
		print_step(neff, i);
}

static const struct neuron_neff_layer *layer_of(const struct neff *neff,
						const struct neuron_inst *inst)
{
	return inst->layer < neff->num_layers ? &neff->layers[inst->layer] : NULL;
}

static bool wanted(const struct settings *settings, const struct neuron_inst *inst,
		   const struct neuron_neff_layer *layer)
{
	if (settings->engine >= 0 && inst->engine != settings->engine)
		return false;
	return !settings->layer || (layer && strstr(layer->name, settings->layer));
}

static void print_inst(const struct neuron_neff_layer *layer, const void *program,
		       uint32_t index)
{
	int length = neuron_disasm_inst(program, index, NULL, 0);
	char *line = malloc(length + 1);

	if (!line)
		die_oom();
	neuron_disasm_inst(program, index, line, length + 1);
	printf("%6" PRIu32 "  %s", index, line);
	if (layer && layer->name[0])
		printf("  ; %s (%s)", layer->name, layer->op);
	putchar('\n');
	free(line);
}

/* Return: false when the program is not sound; what came before is printed. */
static bool print_program(const struct settings *settings, const struct neff *neff,
			  uint32_t core)
{
	const struct neff_bytes *program = &neff->programs[core];
	const struct neuron_program_header *h = program->data;
	struct neuron_fault fault = { 0 };
	const char *why = "";

	if (!neuron_program_check(program->data, program->size, &fault, &why)) {
		say_error("%s: the program of core %" PRIu32 " is refused at instruction %" PRId32 ": %s; compile the model anew",
			  settings->path, core, (int32_t)fault.inst, why);
		return false;
	}
	printf("\ncore %" PRIu32 ": %" PRIu32 " instructions, %" PRIu32 " tensors, %" PRIu32 " bytes\n",
	       core, h->num_insts, h->num_tensors, h->size);
	for (uint32_t i = 0; i < h->num_insts; i++) {
		const struct neuron_inst *inst = &neuron_program_insts(h)[i];
		const struct neuron_neff_layer *layer = layer_of(neff, inst);

		if (wanted(settings, inst, layer))
			print_inst(layer, h, i);
	}
	return true;
}

static bool print_programs(const struct settings *settings, const struct neff *neff)
{
	bool ok = true;

	for (uint32_t core = 0; core < neff->header->num_cores && !settings->header; core++)
		if (settings->core < 0 || settings->core == core)
			ok &= print_program(settings, neff, core);
	return ok;
}

int main(int argc, char **argv)
{
	struct settings settings = { .core = -1, .engine = -1 };
	char error[NEFF_ERROR_SIZE];
	int status = EXIT_OK;
	struct neff neff, part;
	size_t size;
	void *bytes;

	parse_options(&settings, argc, argv);
	bytes = file_read(settings.path, &size);
	if (!bytes)
		return EXIT_FAILED;
	if (neff_parse(bytes, size, true, &neff, error) != NEFF_OK) {
		say_error("%s: %s", settings.path, error);
		free(bytes);
		return EXIT_FAILED;
	}
	if (settings.core >= (long)neff.header->num_cores)
		usage_error("--core %ld: the model runs on %" PRIu32 " core%s",
			    settings.core, neff.header->num_cores,
			    neff.header->num_cores == 1 ? "" : "s");

	print_header(&neff);
	if (!neff_has_steps(&neff) && !print_programs(&settings, &neff))
		status = EXIT_FAILED;
	for (uint32_t i = 0; i < neff.num_models; i++) {
		printf("\nprogram %" PRIu32 "\n", i);
		/* It is sound: the whole was. */
		neff_parse(neff.models[i].data, neff.models[i].size, false, &part, error);
		print_header(&part);
		if (!print_programs(&settings, &part))
			status = EXIT_FAILED;
	}
	free(bytes);
	if (fflush(stdout) || ferror(stdout)) {
		say_error("standard output: %m");
		status = EXIT_FAILED;
	}
	return status;
}
