package io.lmcache.chunkfiles.directory;

import io.lmcache.api.spi.ChunkMeta;
import java.util.OptionalInt;

/** What a look at the header of a chunk file found. Immutable and thread-safe. */
public sealed interface HeaderCheck {
    /**
     * The header belongs to the key that was asked for.
     *
     * @param meta what the payload is; the payload has exactly {@code meta.byteSize()} bytes
     * @param payloadCrc the CRC-32C that the payload has if it is what was stored under that key; empty when the writer
     *     left none
     */
    record Valid(ChunkMeta meta, OptionalInt payloadCrc) implements HeaderCheck {
        /** With a checksum. */
        public static Valid of(ChunkMeta meta, int payloadCrc) {
            return new Valid(meta, OptionalInt.of(payloadCrc));
        }

        /** Whether a payload with that CRC-32C can be what was stored. */
        public boolean admits(int crc) {
            return payloadCrc.isEmpty() || payloadCrc.getAsInt() == crc;
        }

        /** What is wrong with a payload with that CRC-32C, which is not admitted, as the predicate of a sentence. */
        public String objectionTo(int crc) {
            return "has a payload with CRC-32C " + Integer.toHexString(crc) + ", by its header "
                    + Integer.toHexString(payloadCrc.orElse(crc));
        }
    }

    /**
     * The file may be sound, but is not what was asked for: its name does not say everything that tells chunks apart. It
     * stays where it is.
     *
     * @param reason why, as the predicate of a sentence about the file
     */
    record Other(String reason) implements HeaderCheck {}

    /**
     * The file must not be used.
     *
     * @param reason why, as the predicate of a sentence about the file
     */
    record Invalid(String reason) implements HeaderCheck {}
}
