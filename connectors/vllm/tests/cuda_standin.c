/* The four calls by which an engine exports GPU memory; one allocation of 0x20000 bytes at 0x7f0000010000. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const uint64_t base = 0x7f0000010000;

int cuMemGetAddressRange_v2(uint64_t *start, size_t *size, uint64_t pointer) {
  if (pointer < base || pointer >= base + 0x20000) return 1;
  *start = base;
  *size = 0x20000;
  return 0;
}

int cuIpcGetMemHandle(unsigned char handle[64], uint64_t pointer) {
  if (pointer != base) return 1;
  memset(handle, 0xab, 64);
  return 0;
}

int cuCtxGetDevice(int *device) {
  *device = 3;
  return 0;
}

int cuDeviceGetUuid(unsigned char uuid[16], int device) {
  memset(uuid, device, 16);
  return 0;
}
