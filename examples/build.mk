# SPDX-License-Identifier: MIT

EXAMPLES := $(BUILD)/examples/listen

all: $(EXAMPLES)

CFLAGS-examples/listen := -Ilibneuron/include $(shell pkg-config --cflags sndfile samplerate 2>/dev/null)

# As a program of anyone's would: against the shared library, by -lnrt.
$(BUILD)/examples/listen: $(BUILD)/obj/examples/listen.o $(BUILD)/lib/libneuron.so $(BUILD)/lib/libnrt.so
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -L$(BUILD)/lib -lnrt -lneuron \
		-Wl,-rpath,'$$ORIGIN/../lib' -lsndfile -lsamplerate -lm

$(BUILD)/keyword.neff: models/keyword/model.onnx $(BUILD)/neuron-compile
	$(call say,NEURON,$@)
	$(Q)$(BUILD)/neuron-compile $< -o $@

WORD ?= yes
WAV ?=

run: all qemu module $(BUILD)/keyword.neff
	$(Q)examples/speak-and-listen "$(WORD)" "$(WAV)"
