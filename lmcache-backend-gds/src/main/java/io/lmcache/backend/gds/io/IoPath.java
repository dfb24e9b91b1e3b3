package io.lmcache.backend.gds.io;

import io.lmcache.api.spi.BackendCounter;
import java.util.EnumSet;
import java.util.Set;

/** The path that payload takes between a chunk file and memory. */
public enum IoPath {
    /** Through libcufile, past the CPU. */
    DIRECT(BackendCounter.DIRECT_OPERATIONS, BackendCounter.DIRECT_BYTES),
    /** Through libcufile, which copies through host memory of its own. */
    COMPATIBLE(BackendCounter.COMPATIBLE_OPERATIONS, BackendCounter.COMPATIBLE_BYTES),
    /** Through page-locked memory of ours. */
    STAGED(BackendCounter.STAGED_OPERATIONS, BackendCounter.STAGED_BYTES),
    /** Between the file and host memory; no device takes part. */
    HOST(BackendCounter.HOST_OPERATIONS, BackendCounter.HOST_BYTES);

    private final BackendCounter operations;
    private final BackendCounter bytes;

    IoPath(BackendCounter operations, BackendCounter bytes) {
        this.operations = operations;
        this.bytes = bytes;
    }

    /** What counts the operations that take it. */
    public BackendCounter operations() {
        return operations;
    }

    /** What counts the bytes that these move. */
    public BackendCounter bytes() {
        return bytes;
    }

    /** What counts for all paths. */
    public static Set<BackendCounter> counters() {
        Set<BackendCounter> counters = EnumSet.noneOf(BackendCounter.class);
        for (IoPath path : values()) {
            counters.add(path.operations);
            counters.add(path.bytes);
        }
        return counters;
    }
}
