package io.lmcache.chunkfiles.format;

import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import java.util.List;

/** The formats of chunk files, by the names that settings know them by. Immutable and thread-safe. */
public enum FileFormat {
    /** This library's own: one file a chunk, always with a checksum. */
    NATIVE,
    /** That of LMCache 0.3.1 and 0.3.2. */
    LMCACHE_0_3_2,
    /** That of LMCache 0.5. */
    LMCACHE_0_5;

    /** What the files are like. */
    public static final Option<FileFormat> FILE_FORMAT = Option.of(
            "file_format",
            "native",
            OptionType.choice(FileFormat.class),
            "What the file tier's files are like: this library's own, or those of a version of LMCache, to share a"
                    + " directory with it. lmcache_0_5 makes builtin the default of pre_caching_hash_algorithm.");

    /** Whether files of LMCache's formats get a checksum. */
    public static final Option<Boolean> FILE_CHECKSUM = Option.of(
            "file_checksum",
            "true",
            OptionType.BOOLEAN,
            "Whether files of LMCache's formats get a checksum in their metadata, which LMCache passes over and this"
                    + " library checks. With false they are LMCache's to the byte, and damaged payload goes unnoticed."
                    + " Native files always have one.");

    /** Whether a hash is a signed number. */
    public static final Option<Boolean> SIGNED_HASHES = Option.of(
            "signed_hashes",
            "true",
            OptionType.BOOLEAN,
            "Whether chunk hashes are signed numbers in the names of files of lmcache_0_5. A configuration needs not say"
                    + " it: builtin makes signed ones, sha256_cbor does not.");

    /** All of the above. */
    public static final List<Option<?>> OPTIONS = List.of(FILE_FORMAT, FILE_CHECKSUM, SIGNED_HASHES);

    /** The format that a backend's settings ask for. */
    public static ChunkFileFormat chosenIn(BackendSettings settings) {
        return settings.value(FILE_FORMAT).create(settings.value(FILE_CHECKSUM), settings.value(SIGNED_HASHES));
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
