package io.lmcache.cuda.paged;

import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;

/**
 * The blocks of a request, in the order of its tokens: token {@code t} stands in slot {@code t % blockSize} of block
 * {@code entries[t / blockSize]}. Immutable and thread-safe.
 *
 * @param entries block ids, 32 bits each, in host or device memory
 */
public record BlockTable(KvBuffer entries) implements TokenSlots {
    /** Checks that the entries are whole. */
    public BlockTable {
        SlotEntries.requireWhole("block table", entries, Integer.BYTES);
    }

    /** A table in host memory with these block ids. */
    public static BlockTable of(int... blockIds) {
        return new BlockTable(new HostBuffer(Arena.ofAuto().allocateFrom(ValueLayout.JAVA_INT, blockIds)));
    }

    @Override
    public long tokens(int blockSize) {
        return entries.byteSize() / Integer.BYTES * blockSize;
    }

    @Override
    public BlockTable at(KvBuffer copy) {
        return new BlockTable(copy);
    }
}
