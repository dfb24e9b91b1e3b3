package io.lmcache.api;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Everything in a chunk key but the hash: whose KV it is and what its bytes mean. Chunks of different scopes never meet.
 *
 * <p>Immutable and thread-safe.
 *
 * @param model the model id, such as {@code meta-llama/Llama-3.1-8B-Instruct}; any non-empty text
 * @param worldSize the number of ranks that share the model, at least 1
 * @param rank the rank whose share of the heads this is, 0 to {@code worldSize - 1}
 * @param layout the shape of the KV cache of this rank
 * @param tags further names that keep prompts apart, such as a tenant's salt; often empty
 */
public record KeyScope(String model, int worldSize, int rank, KvLayout layout, SortedMap<String, String> tags) {
    /** The most characters {@link #text()} may have; keeps every key within the header of a chunk file. */
    public static final int MAX_TEXT_LENGTH = 2048;

    private static final int DIGEST_BYTES = 16;

    /**
     * Checks the parts and copies the tags.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when a part is out of range
     */
    public KeyScope {
        if (worldSize < 1 || rank < 0 || rank >= worldSize) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Key scope: rank is " + rank + " of world size " + worldSize + ", allowed are 0 to world size - 1");
        }
        KeyText.requireName("model", model);
        tags.keySet().forEach(name -> KeyText.requireName("tag name", name));
        tags.values().forEach(value -> KeyText.requireUnicode("tag value", value));
        tags = Collections.unmodifiableSortedMap(new TreeMap<>(tags));
        int length = KeyText.print(model, worldSize, rank, layout, tags, "").length();
        if (length > MAX_TEXT_LENGTH) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Key scope: model and tags take " + length + " characters once escaped, allowed are "
                            + MAX_TEXT_LENGTH + "; shorten them, by a digest for instance");
        }
    }

    /** The scope of a model that runs on one rank, without tags. */
    public static KeyScope of(String model, KvLayout layout) {
        return new KeyScope(model, 1, 0, layout, Collections.emptySortedMap());
    }

    /** This scope for one rank of a model that several share. */
    public KeyScope inWorld(int worldSize, int rank) {
        return new KeyScope(model, worldSize, rank, layout, tags);
    }

    /** This scope with these tags in place of its own. */
    public KeyScope withTags(Map<String, String> tags) {
        return new KeyScope(model, worldSize, rank, layout, new TreeMap<>(tags));
    }

    /** The parts as one line of ASCII; equal for equal scopes only. */
    public String text() {
        return KeyText.print(model, worldSize, rank, layout, tags, "");
    }

    /**
     * The first 128 bits of the SHA-256 of {@link #text()} in hex: with a chunk's hash, a name for it of bounded length, where
     * names must not tell what a model or a tag is called.
     */
    public String digest() {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(text().getBytes(StandardCharsets.US_ASCII));
            return HexFormat.of().formatHex(digest, 0, DIGEST_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    @Override
    public String toString() {
        return text();
    }
}
