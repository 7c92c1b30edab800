# SPDX-License-Identifier: MIT
# The compiler: libneffc.a

ONNX_PROTO ?= /usr/include/onnx/onnx.proto

$(BUILD)/gen/onnx.pb-c.c: $(ONNX_PROTO)
	$(call say,PROTOC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c -I$(dir $<) --c_out=$(@D) $(notdir $<)

$(BUILD)/gen/onnx.pb-c.h: $(BUILD)/gen/onnx.pb-c.c ;

$(BUILD)/obj/onnx.pb-c.o: $(BUILD)/gen/onnx.pb-c.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

NEFFC_SRCS := $(wildcard compiler/*.c)
# The host's operators go with it: what is known already is computed with them.
include hostops/hostops.mk
NEFFC_OBJS := $(NEFFC_SRCS:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/onnx.pb-c.o $(HOSTOPS_OBJS)

$(foreach f,blob infer external import import_attr import_input onnx_proto onnx_tensor probe sort compile,$(eval CFLAGS-compiler/$(f) := -I$(BUILD)/gen))
$(NEFFC_OBJS): | $(BUILD)/gen/onnx.pb-c.h

$(BUILD)/lib/libneffc.a: $(NEFFC_OBJS)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# What a program that compiles models links, in this order.
NEFFC_LIBS = $(BUILD)/lib/libneffc.a $(NCHIP_LIBS) -lprotobuf-c -lxxhash -lm

COMPILER_FRONT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%, \
			$(wildcard tests/unit/compiler_front*.c))
UNIT_TESTS += $(COMPILER_FRONT_TESTS)
# Not the importer: its thousands of damaged models take minutes there, and the
# fuzzer (tests/fuzz/onnx) sees many more.
ASAN_TESTS += $(filter-out %_import,$(notdir $(COMPILER_FRONT_TESTS)))

$(foreach f,$(wildcard tests/unit/compiler_front*.c),$(eval \
	CFLAGS-$(f:%.c=%) := -I$(BUILD)/gen))
$(COMPILER_FRONT_TESTS:$(BUILD)/%=$(BUILD)/obj/%.o): | $(BUILD)/gen/onnx.pb-c.h

$(COMPILER_FRONT_TESTS): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/lib/libneffc.a \
		$(BUILD)/lib/libnchip.a $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS)

# They run what they compile.
$(BUILD)/tests/unit/compiler_front_ops $(BUILD)/tests/unit/compiler_front_control: \
	$(BUILD)/obj/tests/unit/compiler_back_run.o

include compiler/back.mk

# The fuzzers are built from source as a whole: all of it is to be instrumented.
FUZZ_CC ?= clang
ONNX_FUZZ_SRCS = $(NEFFC_SRCS) $(HOSTOPS_SRCS) $(BUILD)/gen/onnx.pb-c.c \
	$(wildcard qemu-device/isa/*.c qemu-device/timing/*.c) \
	qemu-device/kernels/convert.c

$(BUILD)/tests/fuzz/onnx_fuzz $(BUILD)/tests/fuzz/import_fuzz: \
		$(BUILD)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/asan.h $(BUILD)/lib/libneffc.a
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -std=gnu11 -g -O1 -Iinclude -I. -I$(BUILD)/gen -D_GNU_SOURCE \
		-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $< $(ONNX_FUZZ_SRCS) -lprotobuf-c -lxxhash -lm

HOST_TESTS += $(BUILD)/tests/fuzz/onnx
$(BUILD)/tests/fuzz/onnx: tests/fuzz/onnx \
		$(addprefix $(BUILD)/tests/fuzz/,onnx_fuzz import_fuzz)
	$(Q)install -m 755 $< $@
