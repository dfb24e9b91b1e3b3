package io.lmcache.chunkfiles.format;

import io.lmcache.api.spi.BackendSettings;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;

/** The formats of chunk files, by the names that settings know them by. Immutable and thread-safe. */
public enum FileFormat {
    /** This library's own: one file a chunk, always with a checksum. */
    NATIVE,
    /** That of LMCache 0.3.1 and 0.3.2. */
    LMCACHE_0_3_2,
    /** That of LMCache 0.5. */
    LMCACHE_0_5;

    /** The format that a backend's settings ask for: {@code file_format}, {@code file_checksum}, {@code signed_hashes}. */
    public static ChunkFileFormat chosenIn(BackendSettings settings) {
        return settings.choice("file_format", NATIVE)
                .create(settings.bool("file_checksum", true), settings.bool("signed_hashes", true));
    }

    /**
     * The format.
     *
     * @param checksum whether files of LMCache's formats get a checksum, which LMCache passes over; without it they are
     *     LMCache's to the byte
     * @param signedHashes whether a hash is a signed number, where its sign is part of a file's name
     */
    public ChunkFileFormat create(boolean checksum, boolean signedHashes) {
        return switch (this) {
            case NATIVE -> new NativeChunkFormat();
            case LMCACHE_0_3_2 -> new LmcacheChunkFormat(new Lmcache032Names(), false, checksum);
            case LMCACHE_0_5 -> new LmcacheChunkFormat(new Lmcache05Names(signedHashes), true, checksum);
        };
    }
}
