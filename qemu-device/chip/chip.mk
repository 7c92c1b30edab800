# SPDX-License-Identifier: MIT
# isa, timing and chip as one library. The compiler and the driver's tests link
# the ISA alone, which a static library gives them.
NCHIP_DIRS	:= qemu-device/isa qemu-device/timing qemu-device/chip
NCHIP_OBJS	:= $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(addsuffix /*.c,$(NCHIP_DIRS))))
NCHIP_LIB	:= $(BUILD)/lib/libnchip.a
# What a program that runs the chip links, in this order.
NCHIP_LIBS	= $(NCHIP_LIB) $(NKERNELS_LIBS) -lm

all: $(NCHIP_LIB)

$(NCHIP_LIB): $(NCHIP_OBJS)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# tests/unit/isa.c and its like, each a program.
NCHIP_TESTS	:= isa timing chip_access chip_queue chip_exec chip_inject chip_resident chip_state \
		   chip_profile
NCHIP_TESTS	:= $(addprefix $(BUILD)/tests/unit/,$(basename $(notdir $(wildcard \
		   $(patsubst %,tests/unit/%.c,$(NCHIP_TESTS))))))
UNIT_TESTS	+= $(NCHIP_TESTS)
# Sanitizers take their time, which is what chip_access counts.
ASAN_TESTS	+= $(filter-out chip_access,$(notdir $(NCHIP_TESTS)))
TSAN_TESTS	+= chip_queue chip_exec chip_inject chip_resident chip_state chip_profile
# It looks at what the kernels are told.
$(BUILD)/tests/unit/chip_resident: NCHIP_LDFLAGS := -Wl,--wrap=nk_execute

$(NCHIP_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(NCHIP_LIB) \
		$(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $(NCHIP_LDFLAGS) $< $(NCHIP_LIBS) -o $@

# Fuzzers: `make fuzzers` builds them with clang, below build/fuzz.
FUZZ_CC		?= clang
FUZZ_SANITIZE	:= -fsanitize=address,undefined -fno-sanitize-recover=undefined
NCHIP_FUZZERS	:= isa_fuzz exec_fuzz chip_fuzz chip_fuzz_threads
# The programs themselves; they are asked for by the recursion alone.
NCHIP_FUZZ_BINS	:= $(addprefix $(BUILD)/tests/fuzz/,$(NCHIP_FUZZERS))

$(NCHIP_FUZZ_BINS): $(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(NCHIP_LIB) \
		$(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer $< $(NCHIP_LIBS) -o $@

$(BUILD)/obj/tests/fuzz/chip_fuzz_threads.o: tests/fuzz/chip_fuzz.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -DFUZZ_THREADS -c $< -o $@

$(BUILD)/tests/fuzz/seeds: $(BUILD)/obj/tests/fuzz/seeds.o $(NCHIP_LIB)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ -lm -o $@

.PHONY: fuzzers
fuzzers: ## the fuzzers of chip and ISA, in build/fuzz/tests/fuzz (needs clang)
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=$(FUZZ_CC) OPT='-O1 -g' \
		EXTRA_CFLAGS='$(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link -Wno-pass-failed' \
		EXTRA_LDFLAGS='$(FUZZ_SANITIZE)' \
		$(addprefix $(BUILD)/fuzz/tests/fuzz/,$(NCHIP_FUZZERS) seeds)
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz-tsan CC=$(FUZZ_CC) OPT='-O1 -g' \
		EXTRA_CFLAGS='-fsanitize=thread -fsanitize=fuzzer-no-link -Wno-pass-failed' \
		EXTRA_LDFLAGS=-fsanitize=thread $(BUILD)/fuzz-tsan/tests/fuzz/chip_fuzz_threads

# A short run of them, beside the programs of the suite.
HOST_TESTS	+= $(BUILD)/tests/fuzz/chip
$(BUILD)/tests/fuzz/chip: tests/fuzz/chip tests/fuzz/tsan.supp | fuzzers
	$(Q)install -D -m 644 tests/fuzz/tsan.supp $(@D)/tsan.supp
	$(Q)install -m 755 $< $@
