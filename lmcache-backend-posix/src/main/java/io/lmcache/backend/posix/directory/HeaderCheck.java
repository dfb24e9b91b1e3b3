package io.lmcache.backend.posix.directory;

import io.lmcache.api.spi.ChunkMeta;

/** What a look at the header of a chunk file found. */
public sealed interface HeaderCheck {
    /**
     * The header belongs to the key that was asked for.
     *
     * @param meta what the payload is; the payload has exactly {@code meta.byteSize()} bytes
     * @param payloadCrc the CRC-32C that the payload has if it is what was stored under that key
     */
    record Valid(ChunkMeta meta, int payloadCrc) implements HeaderCheck {}

    /**
     * The file must not be used for that key.
     *
     * @param reason why, as the predicate of a sentence about the header
     */
    record Invalid(String reason) implements HeaderCheck {}
}
