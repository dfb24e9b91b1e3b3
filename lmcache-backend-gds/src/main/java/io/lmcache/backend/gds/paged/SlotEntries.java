package io.lmcache.backend.gds.paged;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;

/** What block tables and slot mappings have in common. */
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
}
