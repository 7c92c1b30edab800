// SPDX-License-Identifier: MIT
/* Frames of 512 samples, each with the last 64 of the one before in front. */
#include <stdlib.h>
#include <string.h>
#include <tools/common/say.h>
#include "net.h"
#include "stream.h"

#define FRAME	512
#define CONTEXT	64

bool stream_vad(struct stream *stream, const char *model, const struct sound *sound,
		float **probability, size_t *count)
{
	static const int64_t rate = 16000;
	const struct net_input inputs[] = {
		{ "input", NC_F32, 2, { 1, CONTEXT + FRAME }, NULL },
		{ "state", NC_F32, 3, { 2, 1, 128 }, NULL },
		{ "sr", NC_I64, 0, { 0 }, &rate },
	};
	float frame[CONTEXT + FRAME] = { 0 };
	struct net net;
	bool ok = true;
	size_t n;

	*count = sound->count / FRAME;
	if ((double)*count * FRAME > stream->seconds * rate)
		*count = (size_t)(stream->seconds * rate / FRAME);
	*probability = calloc(*count + 1, sizeof(**probability));
	if (!*probability)
		die_oom();
	if (!net_open(&net, model, stream->auto_cast, inputs, 3))
		return false;
	for (n = 0; ok && n < *count; n++) {
		memcpy(frame + CONTEXT, sound->samples + n * FRAME,
		       FRAME * sizeof(*frame));
		ok = net_set(&net, "input", frame, sizeof(frame)) &&
		     net_run(&net) &&
		     net_get(&net, "output", &(*probability)[n], sizeof(float)) &&
		     net_feed_back(&net, "stateN", "state");
		memcpy(frame, frame + FRAME, CONTEXT * sizeof(*frame));
	}
	stream_count(stream, &net);
	net_close(&net);
	return ok;
}
