package io.lmcache.backend.gds.diagnosis;

import io.lmcache.api.spi.Finding;
import io.lmcache.chunkfiles.diagnosis.Amounts;
import io.lmcache.cuda.DeviceMemoryInfo;

/**
 * How the buffer that chunks pass through fits a device. LMCache's rule of thumb is a tenth of the device (8 GiB of 80),
 * with the engine at 0.85 of it: what is left are contexts and fragmentation. Immutable and thread-safe.
 *
 * @param memory the device's
 * @param configuredBytes the buffer as configured
 */
public record BufferCheck(DeviceMemoryInfo memory, long configuredBytes) {
    private static final String TOPIC = "buffer";
    private static final long MIB = 1 << 20;
    private static final long ROUNDING_BYTES = 64 * MIB;
    private static final int UNUSED_PERCENT = 5;

    /** Whether the device has room for the buffer now. */
    public boolean fits() {
        return configuredBytes <= memory.freeBytes();
    }

    /** The rule of thumb beside what is configured. */
    public Finding finding() {
        return fits()
                ? Finding.ok(TOPIC, proposal() + "; configured are " + withShare(configuredBytes))
                : Finding.problem(
                        TOPIC,
                        "cufile_buffer_size is %d (MiB), but only %s of %s are free; %s"
                                .formatted(
                                        configuredBytes / MIB,
                                        Amounts.bytes(memory.freeBytes()),
                                        Amounts.bytes(memory.totalBytes()),
                                        proposal()),
                        "lower cufile_buffer_size, or leave the device more memory by lowering the engine's share");
    }

    private String proposal() {
        return "a cufile_buffer_size of " + withShare(proposedBytes()) + " would suit the device";
    }

    private String withShare(long bufferBytes) {
        return "%d (MiB; the engine can have %s of the memory)".formatted(bufferBytes / MIB, engineShare(bufferBytes));
    }

    private long proposedBytes() {
        return Math.max(1, memory.totalBytes() / 10 / ROUNDING_BYTES) * ROUNDING_BYTES;
    }

    /** What the engine can have beside so large a buffer, as engines want to be told: a fraction of the device. */
    private String engineShare(long bufferBytes) {
        long bufferPercent = Math.ceilDiv(100 * bufferBytes, memory.totalBytes());
        return "0.%02d".formatted(Math.max(0, 100 - UNUSED_PERCENT - bufferPercent));
    }
}
