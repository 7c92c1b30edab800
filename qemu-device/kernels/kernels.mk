# SPDX-License-Identifier: MIT
#
# The numeric kernels: libnkernels.a, its unit tests and its benchmark.

NKERNELS_SRCS := $(wildcard qemu-device/kernels/*.c)
NKERNELS_OBJS := $(NKERNELS_SRCS:%.c=$(BUILD)/obj/%.o)
NKERNELS_LIBS := $(BUILD)/lib/libnkernels.a -ldnnl -lgomp -lm

# Vectorised at -O3. Contraction is off so that every instruction set gives the
# same bits; nobody reads errno or floating-point exceptions here. QEMU's build
# takes the flags from the same file.
NKERNELS_CFLAGS := $(shell cat qemu-device/kernels/numerics.flags)
$(NKERNELS_OBJS): qemu-device/kernels/numerics.flags
$(foreach src,$(NKERNELS_SRCS),$(eval CFLAGS-$(src:%.c=%) := $(NKERNELS_CFLAGS)))

$(BUILD)/lib/libnkernels.a: $(NKERNELS_OBJS)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

all: $(BUILD)/lib/libnkernels.a

# Tests and the benchmark.
NKERNELS_TESTS := kernels_arrange kernels_context kernels_fast kernels_move kernels_near_tie \
	kernels_onnx kernels_panels kernels_reference kernels_rows
UNIT_TESTS += $(NKERNELS_TESTS:%=$(BUILD)/tests/unit/%)
ASAN_TESTS += $(NKERNELS_TESTS)
TSAN_TESTS += kernels_context

$(NKERNELS_TESTS:%=$(BUILD)/tests/unit/%): $(BUILD)/tests/unit/%: \
		$(BUILD)/obj/tests/unit/%.o $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(NKERNELS_LIBS)

$(BUILD)/tests/bench/kernels: $(BUILD)/obj/tests/bench/kernels.o $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(NKERNELS_LIBS)
