package io.lmcache.chunkfiles.directory;

import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a file in a chunk directory is, by its name. The names of all formats are known here, since the bounds of a
 * directory hold for all that is in it. Stateless and thread-safe.
 */
public final class ChunkFileNames {
    /** Ends the name of a chunk in LMCache's formats. */
    public static final String LMCACHE_SUFFIX = ".kvcache.safetensors";

    /** Ends the name of the metadata file beside a chunk in LMCache's formats, after the chunk's whole name. */
    public static final String METADATA_SUFFIX = ".metadata";

    private static final Pattern NATIVE = Pattern.compile("[0-9a-f]{16,128}-[0-9a-f]{32}\\.safetensors");

    private ChunkFileNames() {}

    /** The name of a chunk in the native format, from its hash and the digest of its scope, both in hex. */
    public static String ofNative(String hash, String scopeDigest) {
        return hash + "-" + scopeDigest + ".safetensors";
    }

    /** Whether a file of that name is a chunk. */
    public static boolean isChunk(String fileName) {
        return isLmcache(fileName) || isNative(fileName);
    }

    /** Whether a file of that name is a chunk in the native format. */
    public static boolean isNative(String fileName) {
        return NATIVE.matcher(fileName).matches();
    }

    /** Whether a file of that name is a chunk in one of LMCache's formats. */
    public static boolean isLmcache(String fileName) {
        return fileName.endsWith(LMCACHE_SUFFIX);
    }

    /** The metadata file that belongs to a chunk; empty when its format has none. */
    static Optional<Path> metadataOf(Path chunk) {
        String name = chunk.getFileName().toString();
        return isLmcache(name) ? Optional.of(chunk.resolveSibling(name + METADATA_SUFFIX)) : Optional.empty();
    }

    /** The chunk that a metadata file belongs to; empty when the file is none. */
    static Optional<Path> chunkOf(Path metadata) {
        String name = metadata.getFileName().toString();
        return name.endsWith(LMCACHE_SUFFIX + METADATA_SUFFIX)
                ? Optional.of(metadata.resolveSibling(name.substring(0, name.length() - METADATA_SUFFIX.length())))
                : Optional.empty();
    }

    /** What a chunk takes of the disk, metadata file included, from the length of its own file. */
    static long bytesOnDisk(String name, long fileBytes) {
        return fileBytes + (isLmcache(name) ? ChunkFileFormat.HEADER_BYTES : 0);
    }
}
