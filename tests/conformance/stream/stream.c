// SPDX-License-Identifier: MIT
/*
 * The corpus' models end to end, over the sound files and words beside them, and
 * whether what comes out is what their authors' own programs made of it.
 *
 *	stream [OPTION]... CORPUS
 *
 *	--auto-cast TYPE	of matrix operands: none (default), bf16, fp16
 *	--seconds N		of each sound at most
 *	--only NAME,...		of silero, gtcrn, gtcrn_simple, dtln, hifigan, kwt1, aren
 *	--save DIR		write what came out: .wav for listeners, .bin with all bits
 *	--same DIR		compare with the .bin files there, bit by bit
 *
 * The limits of fp32 are those of the files: sound files have 16 bits. Those of
 * bf16 are what is left of a model with operands of 8 bits and 600 states in a row.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tools/common/file.h>
#include <tools/common/options.h>
#include <tools/common/say.h>
#include <tools/common/tensor.h>
#include "tests/ktap.h"
#include "mel.h"
#include "net.h"
#include "stream.h"

static struct {
	const char *models;
	const char *only;
	const char *save;
	const char *same;
	enum nc_auto_cast auto_cast;
	double seconds;
} options = { .seconds = 1e9 };

static struct stream stream;

static const char *path(const char *format, const char *name)
{
	static char buffers[4][4096];
	static unsigned int next;
	char *buffer = buffers[next++ % 4];
	int n = snprintf(buffer, sizeof(buffers[0]), "%s/", options.models);

	if (n >= 0 && (size_t)n < sizeof(buffers[0]))
		snprintf(buffer + n, sizeof(buffers[0]) - (size_t)n, format, name);
	return buffer;
}

static bool exact(void)
{
	return options.auto_cast == NC_CAST_NONE;
}

void stream_count(struct stream *s, const struct net *net)
{
	s->executions += net->runs;
	s->cycles += net->cycles;
}

/* Keep what came out, or compare it with what was kept. */
static void keep(const char *name, const float *data, size_t count)
{
	char file[4096];
	size_t size;
	void *other;

	if (options.save) {
		snprintf(file, sizeof(file), "%s/%s.bin", options.save, name);
		CHECK(file_write(file, data, count * sizeof(*data)));
	}
	if (options.same) {
		snprintf(file, sizeof(file), "%s/%s.bin", options.same, name);
		other = file_read(file, &size);
		CHECK(other && size == count * sizeof(*data) &&
		      !memcmp(other, data, size));
		free(other);
	}
}

static void keep_sound(const char *name, const struct sound *sound)
{
	char file[4096];

	keep(name, sound->samples, sound->count);
	if (!options.save)
		return;
	snprintf(file, sizeof(file), "%s/%s.wav", options.save, name);
	CHECK(sound_save(sound, file));
}

static void say_cost(void)
{
	if (stream.executions)
		printf("# %u executions, %.3f ms modelled for each\n", stream.executions,
		       (double)stream.cycles / stream.executions / 1e6);
}

/* The curve that the original framework made over the same frames. */
static void silero(void)
{
	size_t count = 0, i, n, agree = 0;
	struct tensor expected = { 0 };
	struct sound sound = { 0 };
	float *probability = NULL;
	double worst = 0;

	CHECK(sound_load(&sound, path("silero_vad_op15/test.wav", "")));
	CHECK(tensor_load(&expected, path("silero_vad_op15/stream_probs_torchjit.npy", "")));
	if (ktap_failed)
		goto out;
	n = (size_t)tensor_count(&expected);
	if (stream.seconds > (double)n * 512 / 16000)
		stream.seconds = (double)n * 512 / 16000;
	CHECK(stream_vad(&stream, path("silero_vad_op15/model.onnx", ""), &sound,
			 &probability, &count));
	CHECK(count > 0 && count <= n);
	for (i = 0; !ktap_failed && i < count; i++) {
		double difference = fabs(probability[i] - tensor_get(&expected, (int64_t)i));

		if (!(difference <= worst))
			worst = difference;
		agree += (probability[i] > 0.5f) == (tensor_get(&expected, (int64_t)i) > 0.5);
	}
	printf("# %zu frames: largest difference %.2g, the same decision in %zu\n", count,
	       worst, agree);
	CHECK(exact() ? worst <= 1e-4 && agree == count :
			worst <= 0.1 && agree * 100 >= count * 99);
	keep("silero", probability, count);
out:
	tensor_free(&expected);
	sound_free(&sound);
	free(probability);
}

/* The enhanced speech that the authors' own program wrote. */
static void gtcrn_model(const char *name)
{
	struct sound noisy = { 0 }, expected = { 0 }, clean = { 0 };
	size_t n;
	double snr, before;

	CHECK(sound_load(&noisy, path("gtcrn/noisy.wav", "")));
	CHECK(sound_load(&expected, path("gtcrn/expected_enh_thirdparty.wav", "")));
	CHECK(!ktap_failed && stream_gtcrn(&stream, path("%s/model.onnx", name), &noisy,
					   &clean));
	if (ktap_failed)
		goto out;
	n = clean.count < expected.count ? clean.count : expected.count;
	/* The last window of a sound that was cut short is half. */
	n -= 256;
	before = signal_to_noise(noisy.samples, expected.samples, n);
	snr = signal_to_noise(clean.samples, expected.samples, n);
	printf("# %.1f s: %.1f dB above the difference from the authors' result, %.1f before\n",
	       (double)n / 16000, snr, before);
	CHECK(snr >= (exact() ? 50 : 15));
	CHECK(before < 5);
	keep_sound(name, &clean);
out:
	sound_free(&noisy);
	sound_free(&expected);
	sound_free(&clean);
}

static void gtcrn(void)
{
	gtcrn_model("gtcrn");
}

static void gtcrn_simple(void)
{
	gtcrn_model("gtcrn_simple");
}

/*
 * Nobody's enhanced speech is beside this one. But its input is that of gtcrn,
 * and two good enhancements of the same speech are alike.
 */
static void dtln(void)
{
	struct sound noisy = { 0 }, other = { 0 }, clean = { 0 };
	double before, after;
	size_t n;

	CHECK(sound_load(&noisy, path("dtln_1/mix.wav", "")));
	CHECK(sound_load(&other, path("gtcrn/expected_enh_thirdparty.wav", "")));
	CHECK(!ktap_failed && stream_dtln(&stream, path("dtln_1/model.onnx", ""),
					  path("dtln_2/model.onnx", ""), &noisy, &clean));
	if (ktap_failed)
		goto out;
	n = clean.count - STREAM_DTLN_DELAY;
	if (n > other.count)
		n = other.count;
	before = correlation(noisy.samples, other.samples, n);
	after = correlation(clean.samples + STREAM_DTLN_DELAY, other.samples, n);
	printf("# %.1f s: correlation with gtcrn's result %.4f, %.4f before\n",
	       (double)n / 16000, after, before);
	CHECK(after >= 0.97);
	CHECK(before < 0.9);
	keep_sound("dtln", &clean);
out:
	sound_free(&noisy);
	sound_free(&other);
	sound_free(&clean);
}

/* A vocoder's sound has the spectrogram that it was made from. */
static void hifigan(void)
{
	struct tensor mel = { 0 };
	struct sound sound = { 0 };
	float *seen = NULL;
	double similar, rms = 0;
	size_t frames, i;

	CHECK(tensor_load(&mel, path("hifigan_v2/test_data_set_2/input_0.pb", "")));
	CHECK(!ktap_failed && mel.rank == 3 && mel.dims[1] == MEL_BANDS);
	if (ktap_failed)
		goto out;
	frames = (size_t)mel.dims[2];
	CHECK(stream_vocoder(&stream, path("hifigan_v2/model.onnx", ""), mel.data, frames,
			     &sound));
	seen = mel_spectrogram(&sound, frames);
	similar = correlation(seen, mel.data, frames * MEL_BANDS);
	for (i = 0; i < sound.count; i++)
		rms += (double)sound.samples[i] * sound.samples[i];
	rms = sqrt(rms / (double)sound.count);
	printf("# %.1f s: level %.1f dB, correlation of its mel spectrogram with the one it was made from %.4f\n",
	       (double)sound.count / sound.rate, 20 * log10(rms), similar);
	CHECK(similar >= 0.97);
	CHECK(rms > 0.01 && rms < 0.5);
	keep_sound("hifigan", &sound);
out:
	tensor_free(&mel);
	sound_free(&sound);
	free(seen);
}

/* Each second of sound, and the word that the authors' program heard in it. */
static void kwt1(void)
{
	static const char *const words[] = {
		"_silence_", "_unknown_", "yes", "no", "up", "down", "left", "right", "on",
		"off", "stop", "go",
	};
	const struct net_input inputs[] = {
		{ "input_1", NC_F32, 2, { 1, 16000 }, NULL },
	};
	FILE *list = fopen(path("kwt1/expected.txt", ""), "r");
	char file[64], word[32];
	unsigned int n = 0;
	float scores[12];
	struct net net = { 0 };

	CHECK(list);
	CHECK(net_open(&net, path("kwt1/model.onnx", ""), options.auto_cast, inputs, 1));
	while (!ktap_failed && fscanf(list, "%63s %31s", file, word) == 2) {
		struct sound sound = { 0 };
		unsigned int best = 0;

		CHECK(sound_load(&sound, path("kwt1/%s", file)) && sound.count == 16000 &&
		      net_set(&net, "input_1", sound.samples, 16000 * sizeof(float)) &&
		      net_run(&net) &&
		      net_get(&net, "sequential_12/dense_73/BiasAdd_out", scores,
			      sizeof(scores)));
		for (unsigned int i = 1; i < 12; i++)
			if (scores[i] > scores[best])
				best = i;
		CHECK_STR(words[best], word);
		keep(file, scores, 12);
		sound_free(&sound);
		n++;
	}
	CHECK(n >= 3);
	stream_count(&stream, &net);
	net_close(&net);
	if (list)
		fclose(list);
}

/* A vocabulary: a token a line. */
struct vocabulary {
	char token[64][16];
	unsigned int count;
};

static void read_vocabulary(struct vocabulary *v, const char *name)
{
	FILE *file = fopen(name, "r");

	v->count = 0;
	while (file && v->count < 64 &&
	       fgets(v->token[v->count], sizeof(v->token[0]), file)) {
		v->token[v->count][strcspn(v->token[v->count], "\n")] = '\0';
		v->count++;
	}
	CHECK(file && v->count > 3);
	if (file)
		fclose(file);
}

/* UTF-8 characters of a word as tokens. */
static unsigned int tokens_of(const struct vocabulary *v, const char *word, int64_t *tokens)
{
	unsigned int n = 0, i;
	size_t len;

	for (; *word; word += len) {
		for (len = 1; (word[len] & 0xc0) == 0x80; len++)
			;
		for (i = 0; i < v->count; i++)
			if (strlen(v->token[i]) == len && !memcmp(v->token[i], word, len))
				break;
		CHECK(i < v->count);
		tokens[n++] = i;
	}
	return n;
}

static void aren(void)
{
	/* The first and the third are the vectors' own words. */
	static const struct {
		const char *word, *latin;
	} cases[] = {
		{ "آتزمون", "atzmon" },
		{ "آتشيسون", "achison" },
		{ "آزا", "azza" },
		{ "آرباكه", "arbake" },
	};
	static struct vocabulary source, target;

	read_vocabulary(&source, path("aren_encoder/source_vocabulary.txt", ""));
	read_vocabulary(&target, path("aren_encoder/target_vocabulary.txt", ""));
	for (unsigned int i = 0; !ktap_failed && i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t tokens[16], out[24];
		unsigned int count = tokens_of(&source, cases[i].word, tokens);
		char text[400] = "";
		int n, k;

		n = stream_transliterate(&stream, path("aren_encoder/model.onnx", ""),
					 path("aren_decoder/model.onnx", ""), tokens, count,
					 out, 24);
		CHECK(n > 0);
		for (k = 0; k < n; k++)
			if (out[k] < target.count)
				strcat(text, target.token[out[k]]);
		CHECK_STR(text, cases[i].latin);
	}
}

static void parse_options(int argc, char **argv)
{
	static const struct option list[] = {
		{ "auto-cast", required_argument, NULL, 'a' },
		{ "seconds", required_argument, NULL, 's' },
		{ "only", required_argument, NULL, 'o' },
		{ "save", required_argument, NULL, 'S' },
		{ "same", required_argument, NULL, 'c' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (c) {
		case 'a':
			if (!parse_auto_cast(optarg, &options.auto_cast))
				usage_error("--auto-cast '%s' is unknown", optarg);
			break;
		case 's':
			options.seconds = atof(optarg);
			break;
		case 'o':
			options.only = optarg;
			break;
		case 'S':
			options.save = optarg;
			break;
		case 'c':
			options.same = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (optind + 1 != argc)
		usage_error("one folder with the models has to be given");
	options.models = argv[optind];
}

/* Whether a list of names, separated by commas, has this one. */
static bool lists(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	for (; *list; list += n + !!list[n]) {
		n = strcspn(list, ",");
		if (n == len && !memcmp(list, name, n))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{ "silero", silero }, { "gtcrn", gtcrn }, { "gtcrn_simple", gtcrn_simple },
		{ "dtln", dtln }, { "hifigan", hifigan }, { "kwt1", kwt1 }, { "aren", aren },
	};
	static const char *const casts[] = {
		[NC_CAST_NONE] = "none", [NC_CAST_BF16] = "bf16", [NC_CAST_F16] = "fp16",
	};

	options.auto_cast = NC_CAST_NONE;
	parse_options(argc, argv);
	if ((options.save && !make_dirs(options.save)) || !runtime_open())
		return 1;
	for (unsigned int i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		char name[64];

		if (options.only && !lists(options.only, tests[i].name))
			continue;
		stream = (struct stream) {
			.auto_cast = options.auto_cast, .seconds = options.seconds,
		};
		snprintf(name, sizeof(name), "%s, %s", tests[i].name,
			 casts[options.auto_cast]);
		ktap_run(name, tests[i].run);
		say_cost();
	}
	runtime_close();
	return ktap_done();
}
