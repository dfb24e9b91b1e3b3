package io.lmcache.chunkfiles.inspect;

import io.lmcache.api.ChunkKey;
import io.lmcache.chunkfiles.format.FileFormat;
import java.time.Instant;

/**
 * A chunk file, by its name and header. Immutable and thread-safe.
 *
 * @param path its path below the root, with {@code /} between
 * @param format what the file is like
 * @param key which chunk it is; with one KV head, where the file does not say how many there are
 * @param tokens how many tokens it holds the KV of
 * @param bytes what it takes of the disk
 * @param lastUse when it was used last
 */
public record FoundFile(String path, FileFormat format, ChunkKey key, int tokens, long bytes, Instant lastUse) {}
