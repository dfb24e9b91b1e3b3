package io.lmcache.chunkfiles.inspect;

import io.lmcache.chunkfiles.format.FileFormat;
import java.time.Instant;

/**
 * A chunk file, by its name and header. Immutable and thread-safe.
 *
 * @param path its path below the root, with {@code /} between
 * @param format what the file is like
 * @param model whose KV it is
 * @param hash the chunk hash in hex
 * @param tokens how many tokens it holds the KV of
 * @param bytes what it takes of the disk
 * @param lastUse when it was used last
 */
public record FoundFile(
        String path, FileFormat format, String model, String hash, int tokens, long bytes, Instant lastUse) {}
