package io.lmcache.cuda;

/**
 * The memory of a device.
 *
 * @param freeBytes what an allocation could have now
 * @param totalBytes what the device has
 */
public record DeviceMemoryInfo(long freeBytes, long totalBytes) {}
