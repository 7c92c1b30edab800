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
NCHIP_TESTS	:= isa timing chip_queue chip_exec chip_inject
NCHIP_TESTS	:= $(addprefix $(BUILD)/tests/unit/,$(basename $(notdir $(wildcard \
		   $(patsubst %,tests/unit/%.c,$(NCHIP_TESTS))))))
UNIT_TESTS	+= $(NCHIP_TESTS)

$(NCHIP_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(NCHIP_LIB) \
		$(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $< $(NCHIP_LIBS) -o $@
