package io.lmcache.cli.replay;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Bytes that tell whose they are: those of a range of a prompt, and of no other. Stateless. */
final class Payload {
    private static final long STEP = 0x9E37_79B9_7F4A_7C15L;

    private Payload() {}

    /** What the bytes of a range begin with, by the block that its last token lies in, and its end. */
    static long seed(int block, int end) {
        long mixed = ((long) block << 32 | end) * 0xBF58_476D_1CE4_E5B9L;
        return mixed ^ mixed >>> 31;
    }

    static void fill(KvBuffer buffer, long seed) {
        MemorySegment bytes = hostBytes(buffer);
        long value = seed;
        for (long at = 0; at + Long.BYTES <= bytes.byteSize(); at += Long.BYTES) {
            bytes.set(ValueLayout.JAVA_LONG_UNALIGNED, at, value);
            value += STEP;
        }
    }

    /** Whether these are the bytes that {@link #fill} has written. */
    static boolean isIn(KvBuffer buffer, long seed) {
        MemorySegment bytes = hostBytes(buffer);
        long difference = 0;
        long value = seed;
        for (long at = 0; at + Long.BYTES <= bytes.byteSize(); at += Long.BYTES) {
            difference |= bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, at) ^ value;
            value += STEP;
        }
        return difference == 0;
    }

    private static MemorySegment hostBytes(KvBuffer buffer) {
        return switch (buffer) {
            case HostBuffer(MemorySegment segment) -> segment;
            case DeviceBuffer device -> throw new IllegalArgumentException(device + " was not asked for");
        };
    }
}
