package io.lmcache.cuda.paged;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Checks of block tables and slot mappings. */
final class SlotEntries {
    private SlotEntries() {}

    /** Refuses memory that cannot be an array of entries: a GPU reads no number that lies across its own size. */
    static void requireWhole(String what, KvBuffer entries, int entryBytes) {
        long address = switch (entries) {
            case DeviceBuffer device -> device.address();
            case HostBuffer host -> host.segment().address();
        };
        if (address % entryBytes != 0 || entries.byteSize() % entryBytes != 0) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "A " + what + " has entries of " + entryBytes + " bytes at a multiple of as many, but this is "
                            + entries);
        }
    }

    /** Refuses entries that name no block or slot of the cache, and such as are on another device. */
    static void requireWithin(PagedKvCache cache, TokenSlots slots) {
        switch (slots) {
            case BlockTable(DeviceBuffer entries) -> cache.requireDevice("the block table", entries.ordinal());
            case SlotMapping(DeviceBuffer entries) -> cache.requireDevice("the slot mapping", entries.ordinal());
            case BlockTable(HostBuffer(MemorySegment entries)) -> requireBlocks(cache, entries);
            case SlotMapping(HostBuffer(MemorySegment entries)) -> requireSlots(cache, entries);
        }
    }

    private static void requireBlocks(PagedKvCache cache, MemorySegment entries) {
        for (long i = 0; i < entries.byteSize() / Integer.BYTES; i++) {
            requireBelow(cache.blocks(), "block table", entries.getAtIndex(ValueLayout.JAVA_INT, i));
        }
    }

    private static void requireSlots(PagedKvCache cache, MemorySegment entries) {
        for (long i = 0; i < entries.byteSize() / Long.BYTES; i++) {
            requireBelow(cache.slots(), "slot mapping", entries.getAtIndex(ValueLayout.JAVA_LONG, i));
        }
    }

    private static void requireBelow(long limit, String table, long entry) {
        if (entry < 0 || entry >= limit) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "The " + table + " has the entry " + entry + ", but the cache has entries 0 to " + (limit - 1));
        }
    }
}
