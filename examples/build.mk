# SPDX-License-Identifier: MIT
#
# As anyone's programs would be built: public headers, the shared library by -lnrt.

EXAMPLES	:= $(addprefix $(BUILD)/examples/,execute listen vad server device caller)
EXAMPLES_SOUND	:= $(BUILD)/obj/examples/sound.o
EXAMPLES_NRT	:= $(BUILD)/lib/libneuron.so $(BUILD)/lib/libnrt.so

all: $(EXAMPLES)

$(foreach e,execute listen vad server device,$(eval CFLAGS-examples/$(e) = $$(NRT_CPPFLAGS)))
CFLAGS-examples/sound := $(shell pkg-config --cflags sndfile samplerate 2>/dev/null)

$(filter-out %/caller,$(EXAMPLES)): $(BUILD)/examples/%: $(BUILD)/obj/examples/%.o $(EXAMPLES_NRT)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NRT_LIBS) $(EXAMPLE_LIBS)

$(BUILD)/examples/listen $(BUILD)/examples/vad: $(EXAMPLES_SOUND)
$(BUILD)/examples/listen $(BUILD)/examples/vad: EXAMPLE_LIBS := -lsndfile -lsamplerate -lm

$(BUILD)/examples/caller: examples/caller.cpp $(EXAMPLES_NRT)
	$(call say,CXX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 -O2 -g -Wall -Wextra -Wshadow -pedantic -Werror $(NRT_CPPFLAGS) \
		-o $@ $< $(NRT_LIBS)

HOST_TESTS	+= tests/examples/examples
check: $(BUILD)/keyword.neff $(BUILD)/tests/unit/nrt_models

$(BUILD)/keyword.neff: models/keyword/model.onnx $(BUILD)/neuron-compile
	$(call say,NEURON,$@)
	$(Q)$(BUILD)/neuron-compile $< -o $@

WORD ?= yes
WAV ?=

run: all qemu module $(BUILD)/keyword.neff
	$(Q)examples/speak-and-listen "$(WORD)" "$(WAV)"
