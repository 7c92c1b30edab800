// SPDX-License-Identifier: MIT
/* nrt_hold: take the cores, say so, and keep them until stdin ends. */
#include <stdio.h>
#include <unistd.h>
#include <nrt/nrt.h>

int main(void)
{
	NRT_STATUS status = nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "");
	char byte;

	if (status)
		return 1;
	puts("holding");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	nrt_close();
	return 0;
}
