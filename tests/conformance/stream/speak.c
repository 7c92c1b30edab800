// SPDX-License-Identifier: MIT
/* Models that make something of a whole input: a vocoder, a transliterator. */
#include <stdlib.h>
#include <string.h>
#include <tools/common/say.h>
#include "net.h"
#include "stream.h"

bool stream_vocoder(struct stream *stream, const char *model, const float *mel,
		    size_t frames, struct sound *sound)
{
	const struct net_input inputs[] = {
		{ "mel", NC_F32, 3, { 1, 80, (int64_t)frames }, mel },
	};
	struct net net;
	bool ok;

	*sound = (struct sound) { .count = frames * 256, .rate = 22050 };
	sound->samples = calloc(sound->count, sizeof(*sound->samples));
	if (!sound->samples)
		die_oom();
	if (!net_open(&net, model, stream->auto_cast, inputs, 1))
		return false;
	ok = net_run(&net) &&
	     net_get(&net, "wav", sound->samples, sound->count * sizeof(float));
	stream_count(stream, &net);
	net_close(&net);
	return ok;
}

/* Tokens of both vocabularies. */
#define BEGIN	1
#define END	2
#define WIDTH	32	/* of the encoder's memory */
#define TARGETS	43	/* of the decoder's logits, for each position */
#define LONGEST	32

/*
 * The decoder sees nothing behind the position that it decides on, so it can
 * have its full length from the beginning, filled up with blanks.
 */
static int decode(struct net *net, int64_t *target, unsigned int room)
{
	static float logits[LONGEST][TARGETS];
	int64_t tokens[LONGEST] = { BEGIN };
	unsigned int n;
	int i, best;

	for (n = 0; n < room && n < LONGEST - 1; n++) {
		if (!net_set(net, "tgt", tokens, sizeof(tokens)) || !net_run(net) ||
		    !net_get(net, "logits", logits, sizeof(logits)))
			return -1;
		for (best = 0, i = 1; i < TARGETS; i++)
			if (logits[n][i] > logits[n][best])
				best = i;
		if (best == END)
			break;
		tokens[n + 1] = best;
		target[n] = best;
	}
	return (int)n;
}

int stream_transliterate(struct stream *stream, const char *encoder,
			 const char *decoder, const int64_t *source,
			 unsigned int count, int64_t *target, unsigned int room)
{
	const size_t size = (size_t)count * WIDTH * sizeof(float);
	const struct net_input encoder_inputs[] = {
		{ "src", NC_I64, 2, { 1, count }, source },
	};
	struct net_input decoder_inputs[] = {
		{ "tgt", NC_I64, 2, { 1, LONGEST }, NULL },
		{ "memory", NC_F32, 3, { 1, count, WIDTH }, NULL },
	};
	float *memory = calloc(1, size + 1);
	struct net net;
	int n = -1;
	bool ok;

	if (!memory)
		die_oom();
	ok = net_open(&net, encoder, stream->auto_cast, encoder_inputs, 1);
	if (ok) {
		ok = net_run(&net) && net_get(&net, "memory", memory, size);
		stream_count(stream, &net);
		net_close(&net);
	}
	decoder_inputs[1].data = memory;
	if (ok && net_open(&net, decoder, stream->auto_cast, decoder_inputs, 2)) {
		n = decode(&net, target, room);
		stream_count(stream, &net);
		net_close(&net);
	}
	free(memory);
	return n;
}
