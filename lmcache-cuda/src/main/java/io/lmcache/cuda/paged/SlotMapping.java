package io.lmcache.cuda.paged;

import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;

/**
 * The slots of a request's tokens: token {@code t} stands in slot {@code entries[t] % blockSize} of block
 * {@code entries[t] / blockSize}. Immutable and thread-safe.
 *
 * @param entries slot numbers, 64 bits each, in host or device memory
 */
public record SlotMapping(KvBuffer entries) implements TokenSlots {
    /** Checks that the entries are whole. */
    public SlotMapping {
        SlotEntries.requireWhole("slot mapping", entries, Long.BYTES);
    }

    /** A mapping in host memory with these slot numbers. */
    public static SlotMapping of(long... slots) {
        return new SlotMapping(new HostBuffer(Arena.ofAuto().allocateFrom(ValueLayout.JAVA_LONG, slots)));
    }

    @Override
    public long tokens(int blockSize) {
        return entries.byteSize() / Long.BYTES;
    }

    @Override
    public SlotMapping at(KvBuffer copy) {
        return new SlotMapping(copy);
    }
}
