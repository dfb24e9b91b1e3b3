package io.lmcache.chunkfiles.directory;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.regex.Matcher;
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

    /** The length of the names of the directories that chunks lie in. */
    static final int DIRECTORY_CHARACTERS = 2;

    private static final Pattern QUARANTINED = Pattern.compile("([0-9]{1,18})-(.+)");
    private static final Pattern TEMPORARY = Pattern.compile("\\.(" + WriterLock.ID + ")\\.[0-9]+\\.tmp");
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

    /** What a file of that name beside chunks is. */
    static ChunkDirectoryWalk.Kind kindOf(String fileName) {
        if (isChunk(fileName)) {
            return ChunkDirectoryWalk.Kind.CHUNK;
        }
        if (fileName.endsWith(LMCACHE_SUFFIX + METADATA_SUFFIX)) {
            return ChunkDirectoryWalk.Kind.METADATA;
        }
        return writerOf(fileName).isPresent() ? ChunkDirectoryWalk.Kind.TEMPORARY : ChunkDirectoryWalk.Kind.FOREIGN;
    }

    /** The id of the writer whose temporary file has that name; empty when it is no temporary file. */
    static Optional<String> writerOf(String fileName) {
        Matcher matcher = TEMPORARY.matcher(fileName);
        return matcher.matches() ? Optional.of(matcher.group(1)) : Optional.empty();
    }

    /** The name that a chunk gets in quarantine. */
    static String inQuarantine(String fileName, long nowMillis) {
        return nowMillis + "-" + fileName;
    }

    /** Whether a file of that name is a chunk in quarantine. */
    static boolean isQuarantined(String fileName) {
        Matcher matcher = QUARANTINED.matcher(fileName);
        return matcher.matches() && isChunk(matcher.group(2));
    }

    /** When a chunk came into quarantine, by its name there: the file's own time is that of its last use. */
    static Instant quarantinedAt(String fileName) {
        return Instant.ofEpochMilli(Long.parseLong(fileName.substring(0, fileName.indexOf('-'))));
    }

    /** The metadata file that belongs to a chunk; empty when its format has none. */
    public static Optional<Path> metadataOf(Path chunk) {
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
}
