// SPDX-License-Identifier: MIT
/*
 * Who speaks when: voice activity in a stream of sound.
 *
 *	vad MODEL.neff SOUND.wav
 *	arecord -q -f S16_LE -r 16000 -c 1 -t raw | vad MODEL.neff
 *
 * The model has the inputs and outputs of Silero VAD: a frame of 512 samples
 * behind the last 64 of the one before, and a state, to a probability and the
 * next state. Compile it for 16 kHz:
 *
 *	neuron-compile model.onnx -o vad.neff -c sr=16000 \
 *		-i input:1,576 -i state:2,1,128
 *
 * The state never leaves the device. There are two tensors for it, and two pairs
 * of tensor sets, in which they change places: what one execution writes is what
 * the next one reads.
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>

#include "sound.h"

#define FRAME		512		/* samples: 32 ms */
#define CONTEXT		64
#define INPUT_SIZE	((CONTEXT + FRAME) * sizeof(float))
#define STATE_SIZE	(2 * 128 * sizeof(float))

/* Speech begins above the one, and ends when it has stayed below the other for a while. */
#define BEGINS		0.5f
#define ENDS		0.35f
#define PAUSE		(SOUND_RATE / 10)

struct vad {
	nrt_model_t *model;
	nrt_tensor_t *input, *output, *state[2];
	nrt_tensor_set_t *in[2], *out[2];
	float frame[CONTEXT + FRAME];
	long samples;			/* heard so far */
	bool speaking;
	long quiet;			/* since this sample; -1 while it is loud */
	unsigned int turn;
};

static void check(NRT_STATUS status, const char *what)
{
	if (status != NRT_SUCCESS)
		errx(1, "%s: %s", what, nrt_get_status_as_str(status));
}

static void load(struct vad *v, const char *path)
{
	FILE *f = fopen(path, "rb");
	void *neff;
	long size;

	if (!f || fseek(f, 0, SEEK_END))
		err(1, "%s", path);
	size = ftell(f);
	if (size < 0)
		err(1, "%s", path);
	rewind(f);
	neff = malloc(size + 1);
	if (!neff)
		err(1, "%s", path);
	if (fread(neff, 1, size, f) != (size_t)size)
		errx(1, "%s: can't be read", path);
	fclose(f);
	check(nrt_load(neff, size, 0, 1, &v->model), path);
	free(neff);
}

/* Whether the model has a tensor of this name and size; with another, executions would fail. */
static void expect(const nrt_tensor_info_array_t *infos, nrt_tensor_usage_t usage,
		   const char *name, size_t size)
{
	for (uint64_t i = 0; i < infos->tensor_count; i++) {
		const nrt_tensor_info_t *info = &infos->tensor_array[i];

		if (info->usage == usage && !strcmp(info->name, name) && info->size == size)
			return;
	}
	errx(1, "the model has no %s \"%s\" of %zu bytes",
	     usage == NRT_TENSOR_USAGE_INPUT ? "input" : "output", name, size);
}

static nrt_tensor_t *tensor(const char *name, size_t size)
{
	nrt_tensor_t *t;

	check(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, size, name, &t), name);
	return t;
}

static void make_tensors(struct vad *v)
{
	nrt_tensor_info_array_t *infos;

	check(nrt_get_model_tensor_info(v->model, &infos), "tensor information");
	if (infos->tensor_count != 4)
		errx(1, "the model has %llu inputs and outputs, not 4; was it compiled with -c sr=16000?",
		     (unsigned long long)infos->tensor_count);
	expect(infos, NRT_TENSOR_USAGE_INPUT, "input", INPUT_SIZE);
	expect(infos, NRT_TENSOR_USAGE_INPUT, "state", STATE_SIZE);
	expect(infos, NRT_TENSOR_USAGE_OUTPUT, "output", sizeof(float));
	expect(infos, NRT_TENSOR_USAGE_OUTPUT, "stateN", STATE_SIZE);
	nrt_free_model_tensor_info(infos);

	v->input = tensor("input", INPUT_SIZE);
	v->output = tensor("output", sizeof(float));
	for (int i = 0; i < 2; i++) {
		v->state[i] = tensor("state", STATE_SIZE);
		check(nrt_tensor_memset(v->state[i], 0, 0, STATE_SIZE), "state");
	}
	for (int i = 0; i < 2; i++) {
		check(nrt_allocate_tensor_set(&v->in[i]), "input set");
		check(nrt_allocate_tensor_set(&v->out[i]), "output set");
		check(nrt_add_tensor_to_tensor_set(v->in[i], "input", v->input), "input");
		check(nrt_add_tensor_to_tensor_set(v->in[i], "state", v->state[i]), "state");
		check(nrt_add_tensor_to_tensor_set(v->out[i], "output", v->output), "output");
		check(nrt_add_tensor_to_tensor_set(v->out[i], "stateN", v->state[!i]), "stateN");
	}
}

/* The probability of speech in the frame behind v->frame's context. */
static float hear(struct vad *v)
{
	float probability;

	check(nrt_tensor_write(v->input, v->frame, 0, INPUT_SIZE), "write");
	check(nrt_execute(v->model, v->in[v->turn], v->out[v->turn]), "nrt_execute");
	check(nrt_tensor_read(v->output, &probability, 0, sizeof(probability)), "read");
	v->turn = !v->turn;
	memmove(v->frame, v->frame + FRAME, CONTEXT * sizeof(*v->frame));
	return probability;
}

static void end_speech(struct vad *v, long end)
{
	printf(" to %7.2f s\n", (double)end / SOUND_RATE);
	fflush(stdout);
	v->speaking = false;
}

static void follow(struct vad *v)
{
	float probability = hear(v);
	long start = v->samples;

	v->samples += FRAME;
	if (probability >= ENDS)
		v->quiet = -1;
	else if (v->quiet < 0)
		v->quiet = start;
	if (!v->speaking && probability >= BEGINS) {
		printf("speech from %7.2f s", (double)start / SOUND_RATE);
		fflush(stdout);
		v->speaking = true;
	} else if (v->speaking && v->quiet >= 0 && v->samples - v->quiet >= PAUSE) {
		end_speech(v, v->quiet);
	}
}

static void hear_file(struct vad *v, const char *path)
{
	long count;
	float *sound = read_sound(path, &count);

	for (long i = 0; i + FRAME <= count; i += FRAME) {
		memcpy(v->frame + CONTEXT, sound + i, FRAME * sizeof(*sound));
		follow(v);
	}
	free(sound);
}

/* Bare samples, 16 bits each, little-endian, as they come. */
static void hear_stream(struct vad *v, FILE *f)
{
	uint8_t bytes[2 * FRAME];

	while (fread(bytes, 1, sizeof(bytes), f) == sizeof(bytes)) {
		for (int i = 0; i < FRAME; i++)
			v->frame[CONTEXT + i] =
				(int16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8) / 32768.0f;
		follow(v);
	}
	if (ferror(f))
		err(1, "standard input");
}

int main(int argc, char **argv)
{
	struct vad v = { .quiet = -1 };

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: vad MODEL.neff [SOUND.wav]\n"
			"Without a file: 16-bit samples at 16 kHz, mono, from standard input.\n");
		return 2;
	}
	check(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "nrt_init");
	load(&v, argv[1]);
	make_tensors(&v);
	if (argc == 3)
		hear_file(&v, argv[2]);
	else
		hear_stream(&v, stdin);
	if (v.speaking)
		end_speech(&v, v.samples);
	printf("%.2f s heard\n", (double)v.samples / SOUND_RATE);

	for (int i = 0; i < 2; i++) {
		nrt_destroy_tensor_set(&v.in[i]);
		nrt_destroy_tensor_set(&v.out[i]);
	}
	for (int i = 0; i < 2; i++)
		nrt_tensor_free(&v.state[i]);
	nrt_tensor_free(&v.input);
	nrt_tensor_free(&v.output);
	check(nrt_unload(v.model), "nrt_unload");
	nrt_close();
	return 0;
}
