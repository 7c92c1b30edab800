// SPDX-License-Identifier: MIT
/*
 * A driver of another release: nothing is used, and the message says what to do.
 * libdrm's question for the version is answered here.
 */
#include <drm/neuron_accel.h>
#include <errno.h>
#include <neuron.h>
#include <nrt/nrt.h>
#include <stdlib.h>
#include <xf86drm.h>
#include "tests/ktap.h"

static int major, minor;

drmVersionPtr drmGetVersion(int fd)
{
	drmVersionPtr version = calloc(1, sizeof(*version));

	(void)fd;
	version->version_major = major;
	version->version_minor = minor;
	version->name = "neuron";
	return version;
}

void drmFreeVersion(drmVersionPtr version)
{
	free(version);
}

/* What opening a node of such a driver returns, and says. */
static int with_version(int a, int b)
{
	struct neuron_device *device = NULL;
	int ret;

	major = a;
	minor = b;
	ret = neuron_device_open("/dev/null", 0, &device);
	CHECK(!device);
	return ret;
}

static bool says(const char *words)
{
	return strstr(neuron_error(), words);
}

static void stale_driver(void)
{
	CHECK_EQ(with_version(DRM_NEURON_MAJOR, DRM_NEURON_MINOR - 1), -EPROTO);
	CHECK(says("interface 1.0") && says("needs 1.1"));
	CHECK(says("make module") && says("modprobe neuron"));
	CHECK_EQ(with_version(DRM_NEURON_MAJOR - 1, DRM_NEURON_MINOR + 5), -EPROTO);
	CHECK(says("modprobe neuron"));
}

static void newer_driver(void)
{
	/* Additions: it is taken, and then found not to be a device. */
	CHECK_EQ(with_version(DRM_NEURON_MAJOR, DRM_NEURON_MINOR), -ENOTTY);
	CHECK_EQ(with_version(DRM_NEURON_MAJOR, DRM_NEURON_MINOR + 1), -ENOTTY);
	CHECK_EQ(with_version(DRM_NEURON_MAJOR + 1, 0), -EPROTO);
	CHECK(says("update libneuron"));
}

static void runtime(void)
{
	setenv("NEURON_RT_DEVICE", "/dev/null", 1);
	major = DRM_NEURON_MAJOR;
	minor = DRM_NEURON_MINOR - 1;
	CHECK_EQ(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_FAILURE);
	CHECK(says("modprobe neuron"));
}

int main(void)
{
	setenv("NEURON_RT_LOG_LEVEL", "ERROR", 1);
	ktap_run("version of an older driver", stale_driver);
	ktap_run("version of a newer driver", newer_driver);
	ktap_run("version at nrt_init()", runtime);
	return ktap_done();
}
