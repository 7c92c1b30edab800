/* SPDX-License-Identifier: MIT */
/*
 * ONNX Runtime as scripts/fetch-onnxruntime has fetched it: opened at run time, because its
 * loader is not this system's.
 */
#ifndef TESTS_ONNXRUNTIME_H
#define TESTS_ONNXRUNTIME_H

#include <dlfcn.h>
#include <err.h>

#include <onnxruntime_c_api.h>

static const OrtApi *ort;

static inline void must(OrtStatus *status)
{
	if (status)
		errx(1, "%s", ort->GetErrorMessage(status));
}

static inline void open_onnxruntime(void)
{
	const OrtApiBase *(*get_base)(void);
	void *library = dlopen("libonnxruntime.so.1.21", RTLD_NOW);

	if (!library)
		errx(1, "%s", dlerror());
	*(void **)&get_base = dlsym(library, "OrtGetApiBase");
	if (!get_base)
		errx(1, "%s", dlerror());
	ort = get_base()->GetApi(ORT_API_VERSION);
	if (!ort)
		errx(1, "the library is older than its header");
}

#endif /* TESTS_ONNXRUNTIME_H */
